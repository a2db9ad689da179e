#include "auspex/base/probability.h"

namespace auspex {

Result<Probability> Probability::From(double value) {
  // Written so that NaN, which compares false, is refused.
  if (!(value >= 0.0 && value <= 1.0)) {
    return Fail(ErrorCode::kInvalidArgument, "a probability lies in [0, 1], not {}", value);
  }
  return Probability(value);
}

Result<Probability> Probability::FromCounts(Counts counts) {
  if (counts.trials == 0) return Fail(ErrorCode::kNoData, "no trials to take a share of");
  if (counts.trials < 0 || counts.hits < 0 || counts.hits > counts.trials) {
    return Fail(ErrorCode::kInvalidArgument, "{} hits of {} trials", counts.hits, counts.trials);
  }
  return Probability(static_cast<double>(counts.hits) / static_cast<double>(counts.trials));
}

}  // namespace auspex
