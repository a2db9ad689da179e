#include "auspex/cli/picture.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "auspex/cli/in_words.h"
namespace auspex::cli {
namespace {

using nlohmann::json;
constexpr std::size_t kWidth = 30;
constexpr double kQuiet = 10.0;  // seconds between lines where nothing changes

struct Facts {
  double t_s, weight, confidence, log_e, bar, harmed;
  double canary, baseline, canary_errors, baseline_errors;
  std::string id, version, state, decision, reason;
};

double Number(const json& object, const char* key) {
  return object.contains(key) && object[key].is_number() ? object[key].get<double>() : 0.0;
}

std::string Text(const json& object, const char* key) {
  return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : "";
}

Facts FactsOf(const json& d) {
  const json none = json::object();
  const json& requests = d.contains("requests") ? d["requests"] : none;
  const json& errors = d.contains("errors") ? d["errors"] : none;
  return {.t_s = Number(d, "t_s"),
          .weight = Number(d, "weight"),
          .confidence = Number(d, "confidence"),
          .log_e = Number(d, "log_e"),
          .bar = Number(d, "log_e_bar"),
          .harmed = Number(d, "users_harmed"),
          .canary = Number(requests, "canary"),
          .baseline = Number(requests, "baseline"),
          .canary_errors = Number(errors, "canary"),
          .baseline_errors = Number(errors, "baseline"),
          .id = d.value("id", ""),
          .version = d.value("version", ""),
          .state = d.value("state", ""),
          .decision = DecisionWord(d.value("decision", ""), Text(d, "by"), d.value("reason", "")),
          .reason = d.value("reason", "")};
}

double Percent(double part, double whole) { return whole > 0 ? 100.0 * part / whole : 0.0; }

}  // namespace

std::string DecisionWord(std::string_view decision, std::string_view by, std::string_view reason) {
  const bool refused = by == "approval" || (by == "manual" && reason.starts_with("rejected by "));
  return std::string(decision == "roll_back" && refused ? "rejected" : decision);
}

std::string Bar(double share, std::size_t width, bool unicode) {
  const auto full = static_cast<std::size_t>(
      std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(width)));
  std::string bar;
  for (std::size_t i = 0; i < width; ++i)
    bar += i < full ? (unicode ? "█" : "#") : (unicode ? "░" : ".");
  return bar;
}

Picture::Picture()
    : terminal_(::isatty(STDOUT_FILENO) == 1),
      // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread of ours changes the environment
      colour_(terminal_ && std::getenv("NO_COLOR") == nullptr) {}

void Picture::Show(std::string_view deployment_json) {
  if (terminal_) return DrawBlock(deployment_json);
  const Facts f = FactsOf(json::parse(deployment_json));
  // Once a state: what follows from it is only less.
  const std::string waits = ScheduleInWords(deployment_json);
  if (!waits.empty() && f.state != last_state_)
    fmt::print("{:6.0f} s  {:<9}  {}\n", f.t_s, f.state, waits);
  last_state_ = f.state;
  const std::string key = fmt::format("{} {} {}", f.state, f.decision, f.weight);
  if (key == last_ && f.t_s < last_t_s_ + kQuiet) return;
  last_ = key;
  last_t_s_ = f.t_s;
  fmt::print(
      "{:6.0f} s  {:<9}  weight {:6.2f} %  confidence {:5.1f} %  log E {:6.2f} of {:.2f}  requests "
      "{:.0f} + {:.0f}  harmed {:.0f}  {}: {}\n",
      f.t_s, f.state, 100 * f.weight, 100 * f.confidence, f.log_e, f.bar, f.canary, f.baseline,
      f.harmed, f.decision, f.reason);
  std::fflush(stdout);
}

void Picture::DrawBlock(std::string_view deployment_json) {
  const Facts f = FactsOf(json::parse(deployment_json));
  const char* dim = colour_ ? "\x1b[2m" : "";
  const char* tone = !colour_                    ? ""
                     : f.decision == "roll_back" ? "\x1b[31m"
                     : f.decision == "promote"   ? "\x1b[32m"
                                                 : "\x1b[36m";
  const char* off = colour_ ? "\x1b[0m" : "";
  if (lines_drawn_ > 0) fmt::print("\x1b[{}A", lines_drawn_);
  const auto line = [&](const char* name, const std::string& text) {
    fmt::print("\x1b[2K{}{:<11}{}{}\n", dim, name, off, text);
  };
  line("deployment", fmt::format("{}  {}{}{}  {:.0f} s", f.id, tone, f.state, off, f.t_s));
  line("weight",
       fmt::format("{}{}{}  {:.2f} %", tone, Bar(f.weight, kWidth, true), off, 100 * f.weight));
  line("confidence",
       fmt::format("{}  {:.1f} %", Bar(f.confidence, kWidth, true), 100 * f.confidence));
  line("evidence", fmt::format("{}  log E {:.2f}, proven at {:.2f}",
                               Bar(f.bar > 0 ? f.log_e / f.bar : 0, kWidth, true), f.log_e, f.bar));
  line("requests", fmt::format("canary {:.0f} ({:.2f} % errors), baseline {:.0f} ({:.2f} % errors)",
                               f.canary, Percent(f.canary_errors, f.canary), f.baseline,
                               Percent(f.baseline_errors, f.baseline)));
  line("harmed", fmt::format("{:.0f} beyond what the baseline would have", f.harmed));
  line("schedule", ScheduleInWords(deployment_json).substr(0, 110));
  line(f.decision.c_str(), f.reason.substr(0, 110));
  lines_drawn_ = 8;
  std::fflush(stdout);
}

}  // namespace auspex::cli
