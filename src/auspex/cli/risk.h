#pragma once

namespace CLI {
class App;
}

namespace auspex::cli {

// `auspex risk`: what a range of commits makes likely. Its exit code goes to `exit` (outlives the
// app).
void AddRisk(CLI::App* app, int* exit);

}  // namespace auspex::cli
