#pragma once

#include <atomic>
#include <string>

#include "auspex/base/result.h"
#include "auspex/change/git/repository.h"
#include "auspex/risk/prediction.h"

namespace auspex::risk {

struct VersionQuestion {
  std::string service;
  std::string older;  // the version that serves
  std::string newer;
  const std::atomic<bool>* stop = nullptr;  // gives up once it is true; may be null
};

// The revision that version V of service S is: the tag S/V, S/vV, S-V, S-vV, S@V, V or vV, the
// first that there is ("refs/tags/…"); else the commit whose id begins with V (seven digits at
// least: fewer are as well a build's number). Errors: kInvalidArgument (no name of a version),
// kNotFound (neither), kUnavailable (stopped).
Result<std::string> RevisionOf(const change::git::Repository& repository,
                               const std::string& service, const std::string& version,
                               const std::atomic<bool>* stop = nullptr);

// "OLDER..NEWER", of revisions. Errors: of RevisionOf; kConflict (the newer one is older: what is
// deployed goes back).
Result<std::string> RangeOf(const change::git::Repository& repository,
                            const VersionQuestion& question);

// Without the folder that tags are in.
[[nodiscard]] std::string AsPeopleSay(std::string range);

// Of a change that is none, or not known: `model` says why (kNoData: nothing changes; kConflict: it
// goes back), and nothing else is there.
[[nodiscard]] ChangeFacts FactsWithout(const Error& why);

}  // namespace auspex::risk
