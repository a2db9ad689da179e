#pragma once

#include <string>

#include "auspex/alert/alert.h"
#include "auspex/risk/prediction.h"

namespace auspex::cli {

inline constexpr const char* kPredictedFailure = "AuspexPredictedFailure";

// A deployment that will likely fail, told before any traffic moves.
// `public_url`: of the API, for the link. It ends with the rollout.
[[nodiscard]] alert::Alert ForetoldAlert(const std::string& deployment,
                                         const risk::Prediction& prediction,
                                         const std::string& public_url);
// The same for readers of live events.
[[nodiscard]] std::string ForetoldEvent(const std::string& deployment,
                                        const risk::Prediction& prediction,
                                        const alert::Alert& alert);

}  // namespace auspex::cli
