#pragma once

#include "auspex/cli/commands.h"

namespace CLI {
class App;
}

namespace auspex::cli {

// `auspex ingest build|event|outcome|change FILE`: sends a file to the daemon and says what it
// kept. The exit code of a command that ran goes to `exit`.
void AddIngest(CLI::App* app, ClientOptions* client, int* exit);

}  // namespace auspex::cli
