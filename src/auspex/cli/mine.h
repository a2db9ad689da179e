#pragma once

namespace CLI {
class App;
}

namespace auspex::cli {

// `auspex mine`: commits with their features, as CSV or a JSON object a line. Its exit code goes to
// `exit` (outlives the app).
void AddMine(CLI::App* app, int* exit);

}  // namespace auspex::cli
