#pragma once

#include <string>

#include "auspex/base/result.h"
#include "auspex/risk/change_risk.h"

namespace auspex::cli {

// A range of a repository on this machine, with what is kept of it in the user's cache
// ($XDG_CACHE_HOME/auspex, else ~/.cache/auspex); progress goes to standard error where it takes
// over a second. Errors: as risk::LookAtChange.
Result<risk::ChangeRisk> SeeChange(const std::string& repository, const std::string& range);

}  // namespace auspex::cli
