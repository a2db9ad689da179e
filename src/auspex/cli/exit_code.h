#pragma once

#include <string_view>

#include "auspex/base/result.h"

namespace auspex::cli {

// What the process tells the shell.
enum ExitCode : int {
  kGood = 0,        // done; promoted, pass, valid
  kBad = 1,         // done; rolled back with verdict fail, broken chain
  kWrongInput = 2,  // wrong use or bad input; nothing was changed
  kOutside = 3,     // something outside could not be reached or refused
  kNoAnswer = 4,    // done; held, not proven, too little data
  kBug = 70,
};

[[nodiscard]] ExitCode CodeFor(const Error& error);
// Prints `auspex COMMAND: message` on standard error; the code for it.
int Complain(std::string_view command, const Error& error);
// The code for a deployment's end.
[[nodiscard]] ExitCode CodeForEnd(std::string_view decision, std::string_view verdict);

}  // namespace auspex::cli
