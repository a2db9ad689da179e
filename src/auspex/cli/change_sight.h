#pragma once

#include <string>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/change/services.h"
#include "auspex/risk/change_risk.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace auspex::cli {

struct ChangeOptions {
  std::string repository;
  std::string range = {};               // empty: chosen
  std::vector<std::string> paths = {};  // --path: NAME=FOLDER, of each service of the repository
  std::string service = {};             // the one that is deployed; empty: all of the repository
};

// What `--path` says. Error: kInvalidArgument.
Result<std::vector<change::ServicePath>> ServicePaths(const std::vector<std::string>& paths);

// A range of a repository on this machine, with what is kept of it in the user's cache
// ($XDG_CACHE_HOME/auspex, else ~/.cache/auspex); progress goes to standard error where it takes
// over a second. Errors: kInvalidArgument (a path), and as risk::LookAtChange.
Result<risk::ChangeRisk> SeeChange(const ChangeOptions& options);

// Of the commands that look at changes.
CLI::Option* AddPathOption(CLI::App* command, std::vector<std::string>* paths);

}  // namespace auspex::cli
