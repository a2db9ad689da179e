#include "auspex/cli/risk.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "auspex/base/weight.h"
#include "auspex/cli/change_sight.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/risk_report.h"

namespace auspex::cli {
namespace {

struct RiskOptions {
  ChangeOptions change{.repository = "."};
  std::string format = "text";  // json, markdown, github
  std::string base_risk = "15%";
  std::string fail_above = "100%";
};

Result<double> ShareOf(const char* option, const std::string& text) {
  Result<double> share = ParseShare(text);
  if (!share.ok()) return Within(option, share.error());
  return share;
}

Result<RiskReport> Look(const RiskOptions& options) {
  RiskReport report;
  AUSPEX_TRY(report.base_risk, ShareOf("--base-risk", options.base_risk));
  if (!(report.base_risk > 0.0 && report.base_risk < 1.0))
    return Fail(ErrorCode::kInvalidArgument, "--base-risk: above 0 and below 100%, not {}",
                options.base_risk);
  AUSPEX_TRY(report.change, SeeChange(options.change));
  AUSPEX_TRY(const auto model, risk::OutcomeModel::Fit(risk::DeploymentBeliefs(), {}));
  report.assessment =
      Assess(model, {.service = options.change.service.empty() ? options.change.repository
                                                               : options.change.service,
                     .base_risk = report.base_risk,
                     .known = report.change.facts.known,
                     .change = report.change.facts.reasons,
                     .alternatives = report.change.facts.alternatives});
  return report;
}

int Risk(RiskOptions options) {
  // `auspex risk A..B`: here.
  std::error_code ignored;
  if (options.change.range.empty() && options.change.repository.find("..") != std::string::npos &&
      !std::filesystem::exists(options.change.repository, ignored))
    options.change.range = std::exchange(options.change.repository, ".");
  const auto fail_above = ShareOf("--fail-above", options.fail_above);
  if (!fail_above.ok()) return Complain("risk", fail_above.error());
  const auto report = Look(options);
  if (!report.ok()) return Complain("risk", report.error());
  const auto text = RiskAs(options.format, *report, *fail_above);
  if (!text.ok()) return Complain("risk", text.error());
  fmt::print("{}", *text);
  if (report->change.shallow && options.fail_above != RiskOptions().fail_above) {
    fmt::print(stderr,
               "auspex risk: no answer for --fail-above: the clone is shallow, so nothing of the "
               "past is known; `git fetch --unshallow`, or fetch-depth: 0 in CI\n");
    return kNoAnswer;
  }
  if (report->assessment.p_fail <= *fail_above) return kGood;
  fmt::print(stderr, "auspex risk: P(fail) {:.0f} % is above --fail-above {:g} %\n",
             100.0 * report->assessment.p_fail, 100.0 * *fail_above);
  return kBad;
}

}  // namespace

void AddRisk(CLI::App* app, int* exit) {
  const auto o = std::make_shared<RiskOptions>();
  CLI::App* risk = app->add_subcommand(
      "risk",
      "How likely a change is to fail once it is deployed, why, and what would lower that "
      "(docs/risk.md)");
  risk->footer("  auspex risk\n  auspex risk . v1.8.1..v1.8.2 --format markdown --fail-above 70%");
  risk->add_option("repository", o->change.repository, "a clone on this machine (default: here)");
  risk->add_option("range", o->change.range,
                   "A..B; without, the branch against its upstream, else since the last tag, else "
                   "the last commit");
  risk->add_option("--format", o->format,
                   "text, markdown (for a pull request), github (an annotation) or json")
      ->check(CLI::IsMember({"text", "json", "markdown", "github"}));
  risk->add_flag_callback(
      "--json", [o] { o->format = "json"; }, "as --format json");
  CLI::Option* const path = AddPathOption(risk, &o->change.paths);
  risk->add_option("--service", o->change.service,
                   "the one that is deployed: only what changes in its folder counts")
      ->needs(path);
  risk->add_option("--base-risk", o->base_risk,
                   "P(fail) of a usual deployment of this service (default 15%)");
  risk->add_option("--fail-above", o->fail_above, "ends with 1 above this risk, as 70%");
  risk->callback([o, exit] { *exit = Risk(*o); });
}

}  // namespace auspex::cli
