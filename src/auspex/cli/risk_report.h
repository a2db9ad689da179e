#pragma once

#include <string>
#include <string_view>

#include "auspex/base/result.h"
#include "auspex/risk/change_risk.h"

namespace auspex::cli {

// What `auspex risk` says.
struct RiskReport {
  risk::ChangeRisk change;
  risk::Assessment assessment;  // of a deployment of the change, with nothing more known
  double base_risk = 0.15;
};

[[nodiscard]] std::string RiskAsText(const RiskReport& report);
[[nodiscard]] std::string RiskAsJson(const RiskReport& report);
// For the body of a pull request.
[[nodiscard]] std::string RiskAsMarkdown(const RiskReport& report);
// A workflow command of GitHub Actions, which shows it beside the check: an error where the risk is
// above `fail_above`, else a notice.
[[nodiscard]] std::string RiskAsAnnotation(const RiskReport& report, double fail_above);

// "text", "json", "markdown" or "github". Error: kInvalidArgument.
Result<std::string> RiskAs(std::string_view format, const RiskReport& report, double fail_above);

}  // namespace auspex::cli
