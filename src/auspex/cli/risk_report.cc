#include "auspex/cli/risk_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

namespace auspex::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostReasons = 8;
constexpr std::size_t kShownOfId = 10;

std::string Percent(double share) { return fmt::format("{:.0f} %", 100.0 * share); }

// A factor of the odds: people do not think in logarithms.
std::string Times(double log_odds) { return fmt::format("x {:.2g}", std::exp(log_odds)); }

std::string Headline(const RiskReport& report) {
  const risk::ChangeFacts& facts = report.change.facts;
  return fmt::format("P(fail) {} ({} to {}) for {}, {} commit{}; a usual deployment has {}",
                     Percent(report.assessment.p_fail), Percent(report.assessment.low),
                     Percent(report.assessment.high), facts.range, facts.commits,
                     facts.commits == 1 ? "" : "s", Percent(report.base_risk));
}

std::vector<risk::Reason> Reasons(const RiskReport& report) {
  std::vector<risk::Reason> reasons = report.assessment.reasons;
  if (reasons.size() > kMostReasons) reasons.resize(kMostReasons);
  return reasons;
}

// Of what is not listed, and of what is not known: an unsure answer lies nearer to one half.
double Others(const RiskReport& report) {
  const auto log_odds = [](double p) { return std::log(p / (1.0 - p)); };
  double others = log_odds(report.assessment.p_fail) - log_odds(report.base_risk);
  for (const risk::Reason& reason : Reasons(report)) others -= reason.log_odds;
  return others;
}

constexpr const char* kOthers = "all that is not listed, and what is not known";
constexpr const char* kLower = "what would lower it (P(fail) of what is left of it)";

std::vector<std::string> Notes(const RiskReport& report) {
  std::vector<std::string> notes;
  if (!report.change.chosen.empty()) notes.push_back("range: " + report.change.chosen);
  if (!report.change.facts.model.empty()) notes.push_back(report.change.facts.model);
  notes.insert(notes.end(), report.change.notes.begin(), report.change.notes.end());
  notes.push_back(report.assessment.basis);
  return notes;
}

// A cell of a table in Markdown: what would end it, or begin something else, is escaped.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (std::string_view("|\\`*_<>[]").find(c) != std::string_view::npos) cell += '\\';
    cell += c == '\n' || c == '\r' ? ' ' : c;
  }
  return cell;
}

// In the data of a workflow command.
std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '%') {
      out += "%25";
    } else if (c == '\r') {
      out += "%0D";
    } else if (c == '\n') {
      out += "%0A";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string RiskAsText(const RiskReport& report) {
  std::string text = Headline(report) + "\n";
  const auto reasons = Reasons(report);
  if (!reasons.empty()) text += "\nwhy (times the odds)\n";
  for (const risk::Reason& reason : reasons)
    text += fmt::format("  {:<7} {}\n", Times(reason.log_odds), reason.text);
  if (!reasons.empty()) text += fmt::format("  {:<7} {}\n", Times(Others(report)), kOthers);
  if (!report.assessment.lowering.empty()) text += fmt::format("\n{}\n", kLower);
  for (const risk::Lowering& one : report.assessment.lowering)
    text += fmt::format("  {:<7} {}\n", Percent(one.p_fail), one.action);
  if (!report.change.commits.empty()) text += "\nriskiest commits (P(it has to be mended later))\n";
  for (const risk::CommitRisk& commit : report.change.commits)
    text += fmt::format("  {:<7} {} {}\n", Percent(commit.p_mended),
                        commit.id.substr(0, kShownOfId), commit.subject);
  text += "\n";
  for (const std::string& note : Notes(report)) text += fmt::format("  {}\n", note);
  return text;
}

std::string RiskAsJson(const RiskReport& report) {
  ordered_json reasons = ordered_json::array();
  for (const risk::Reason& reason : report.assessment.reasons)
    reasons.push_back({{"feature", reason.feature},
                       {"value", std::isfinite(reason.value) ? ordered_json(reason.value)
                                                             : ordered_json(nullptr)},
                       {"log_odds", reason.log_odds},
                       {"text", reason.text}});
  ordered_json lowering = ordered_json::array();
  for (const risk::Lowering& one : report.assessment.lowering)
    lowering.push_back({{"action", one.action}, {"p_fail", one.p_fail}});
  ordered_json commits = ordered_json::array();
  for (const risk::CommitRisk& commit : report.change.commits)
    commits.push_back(
        {{"commit", commit.id}, {"subject", commit.subject}, {"p_mended", commit.p_mended}});
  const ordered_json out{{"p_fail", report.assessment.p_fail},
                         {"low", report.assessment.low},
                         {"high", report.assessment.high},
                         {"base_risk", report.base_risk},
                         {"reasons", std::move(reasons)},
                         {"lowering", std::move(lowering)},
                         {"commits", std::move(commits)},
                         {"notes", Notes(report)},
                         {"change", ordered_json::parse(ToJson(report.change.facts))}};
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string RiskAsMarkdown(const RiskReport& report) {
  std::string text = fmt::format("### Deployment risk: {}\n\n{}\n",
                                 Percent(report.assessment.p_fail), Cell(Headline(report)));
  const auto reasons = Reasons(report);
  if (!reasons.empty()) text += "\n| odds | because it |\n|---|---|\n";
  for (const risk::Reason& reason : reasons)
    text += fmt::format("| {} | {} |\n", Times(reason.log_odds), Cell(reason.text));
  if (!reasons.empty()) text += fmt::format("| {} | {} |\n", Times(Others(report)), kOthers);
  if (!report.assessment.lowering.empty()) text += fmt::format("\n| | {} |\n|---|---|\n", kLower);
  for (const risk::Lowering& one : report.assessment.lowering)
    text += fmt::format("| {} | {} |\n", Percent(one.p_fail), Cell(one.action));
  if (!report.change.commits.empty())
    text += "\n| P(has to be mended) | commit | |\n|---|---|---|\n";
  for (const risk::CommitRisk& commit : report.change.commits)
    text += fmt::format("| {} | {} | {} |\n", Percent(commit.p_mended),
                        commit.id.substr(0, kShownOfId), Cell(commit.subject));
  text += "\n";
  for (const std::string& note : Notes(report)) text += fmt::format("- {}\n", Cell(note));
  return text;
}

std::string RiskAsAnnotation(const RiskReport& report, double fail_above) {
  std::string text = Headline(report);
  for (const risk::Reason& reason : Reasons(report))
    text += fmt::format("\n{} {}", Times(reason.log_odds), reason.text);
  for (const risk::Lowering& one : report.assessment.lowering)
    text += fmt::format("\n{} if you {}", Percent(one.p_fail), one.action);
  for (const std::string& note : Notes(report)) text += "\n" + note;
  return fmt::format("::{} title=Deployment risk {}::{}\n",
                     report.assessment.p_fail > fail_above ? "error" : "notice",
                     Escaped(Percent(report.assessment.p_fail)), Escaped(text));
}

Result<std::string> RiskAs(std::string_view format, const RiskReport& report, double fail_above) {
  if (format == "text") return RiskAsText(report);
  if (format == "json") return RiskAsJson(report);
  if (format == "markdown") return RiskAsMarkdown(report);
  if (format == "github") return RiskAsAnnotation(report, fail_above);
  return Fail(ErrorCode::kInvalidArgument, "format '{}': text, json, markdown or github", format);
}

}  // namespace auspex::cli
