#pragma once

#include <string>

#include "auspex/alert/alert.h"

namespace auspex::alert {

inline Alert RiskAlert() {
  return {.key = "checkout-1.8.2/risk",
          .name = "AuspexRisk",
          .severity = Severity::kWarning,
          .summary = "checkout 1.8.2 is likely to fail",
          .service = "checkout",
          .deployment = "checkout-1.8.2",
          .version = "1.8.2",
          .probability = 0.71,
          .reasons = {"touches 3 migrations", "its build was retried 2 times"},
          .link = "https://auspex.example/api/v1/deployments/checkout-1.8.2",
          .at = FromMicros(1'764'000'000'123'000)};
}

}  // namespace auspex::alert
