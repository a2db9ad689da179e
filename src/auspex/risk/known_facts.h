#pragma once

#include <string_view>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "auspex/builds/ledger/fact_log.h"
#include "auspex/risk/prediction.h"

namespace auspex::risk {

// What was told of the build of a change, of the service's past and of what goes on beside it, as
// it was known at `at`: the features of builds/features.h, by name. Errors: the log's.
Result<Known> KnownFacts(const builds::FactLog& log, std::string_view service,
                         const ChangeFacts& change, WallTime at);

}  // namespace auspex::risk
