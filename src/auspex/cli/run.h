#pragma once

namespace auspex::cli {

// Reads the command line and runs one command; the process's exit code (exit_code.h).
int Run(int argc, char** argv);

}  // namespace auspex::cli
