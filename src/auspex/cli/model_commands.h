#pragma once

namespace CLI {
class App;
}  // namespace CLI

namespace auspex::cli {

// Adds train, predict and evaluate to `app`; the one that is chosen leaves its code in `exit`,
// which outlives the app.
void AddModelCommands(CLI::App* app, int* exit);

}  // namespace auspex::cli
