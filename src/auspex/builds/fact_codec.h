#pragma once

#include <string>
#include <string_view>

#include "auspex/base/result.h"
#include "auspex/builds/builds.h"

namespace auspex::builds {

// One line of JSON: what the ledger keeps. Absent values have no key; times are whole microseconds
// since 1970, so that FactFromJson(kind, ToJson(fact)) == fact to the last digit.
[[nodiscard]] std::string ToJson(const Fact& fact);
// Takes keys that it does not know, as a newer program may have written them. Errors, kDataLoss:
// not a fact of that kind.
Result<Fact> FactFromJson(std::string_view kind, std::string_view text);

}  // namespace auspex::builds
