#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "auspex/change/services.h"
#include "auspex/risk/prediction.h"
#include "auspex/risk/repository_model.h"

namespace auspex::risk {

struct ChangeQuestion {
  std::string repository;  // a path
  std::string range = {};  // "A..B"; empty: as change::git::Repository::ResolveRange chooses
  // Of a repository of several services: their folders, and the one that is deployed: then the
  // change is what its folders have of it. Empty: all of the repository.
  std::vector<change::ServicePath> services = {};
  std::string service = {};
  std::string cache;  // folder for what was learned of repositories; made if there is none
  // When it would be deployed, and the minutes east of UTC there: for the hours that people work.
  WallTime now{};
  int zone_min = 0;
  Progress progress = {};
};

struct CommitRisk {
  std::string id;
  std::string subject;    // UTF-8, one line
  double p_mended = 0.0;  // P(it has to be mended later), by the repository's model
};

struct ChangeRisk {
  ChangeFacts facts;
  std::string chosen;               // why this range, where nobody named one; else empty
  std::vector<CommitRisk> commits;  // riskiest first, at most 10; empty without a model
  std::vector<std::string> notes;   // what a reader should know of it
  bool shallow = false;             // the clone lacks the past: what it says is of little use
};

// Reads what a range of commits does, learns from the repository's past how likely such commits had
// to be mended, and says what that makes of the range. What it learned is kept in the cache, so
// that a later call reads only what is new. Where there is too little past the change is told
// without change_log_odds, and a note says why. Errors: as change::git::Repository's (no git, no
// repository, no such range); kInvalidArgument (no folder of `service`), kNoData (the range has
// nothing below them), kPermissionDenied, kUnavailable (the cache).
Result<ChangeRisk> LookAtChange(const ChangeQuestion& question);

}  // namespace auspex::risk
