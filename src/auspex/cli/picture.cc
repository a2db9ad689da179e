#include "auspex/cli/picture.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
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
constexpr std::size_t kNameCells = 11, kTextCells = 110;  // of a line of the block
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

// Code points: each takes a cell, or near enough.
std::size_t Cells(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// At spaces, but those of a command in backticks. One that is not closed is none.
std::vector<std::string_view> Words(std::string_view text) {
  constexpr std::size_t kNone = std::string_view::npos;
  std::vector<std::string_view> words;
  while (!text.empty()) {
    std::size_t end = text.find(' ');
    const std::size_t open = text.substr(0, end).find('`');
    const std::size_t close = open == kNone ? kNone : text.find('`', open + 1);
    if (close != kNone && close > end) end = text.find(' ', close);
    if (end != 0) words.push_back(text.substr(0, end));
    text.remove_prefix(end == kNone ? text.size() : end + 1);
  }
  return words;
}

// Of the terminal; 0 where it does not say.
std::size_t Columns() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

double Percent(double part, double whole) { return whole > 0 ? 100.0 * part / whole : 0.0; }

}  // namespace

std::string DecisionWord(std::string_view decision, std::string_view by, std::string_view reason) {
  const bool refused = by == "approval" || (by == "manual" && reason.starts_with("rejected by "));
  return std::string(decision == "roll_back" && refused ? "rejected" : decision);
}

std::vector<std::string> Folded(std::string_view text, std::size_t cells) {
  std::vector<std::string> lines;
  for (const std::string_view word : Words(text)) {
    if (lines.empty() || Cells(lines.back()) + 1 + Cells(word) > cells) {
      lines.emplace_back(word);
    } else {
      lines.back() += fmt::format(" {}", word);
    }
  }
  return lines;
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
  // What was drawn before may have had more lines.
  if (lines_drawn_ > 0) fmt::print("\x1b[{}A\x1b[J", lines_drawn_);
  lines_drawn_ = 0;
  const std::size_t columns = Columns();
  const auto line = [&](std::string_view name, const std::string& text) {
    fmt::print("{}{:<{}}{}{}\n", dim, name, kNameCells, off, text);
    ++lines_drawn_;
  };
  // A command that is longer than the terminal is wide takes several of its lines.
  const auto sentence = [&](std::string_view name, const std::string& text) {
    const std::size_t cells =
        columns > kNameCells + 1 ? std::min(kTextCells, columns - kNameCells) : kTextCells;
    for (const std::string& part : Folded(text, cells)) {
      line(name, part);
      if (columns > 0) lines_drawn_ += static_cast<int>((kNameCells + Cells(part) - 1) / columns);
      name = "";
    }
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
  sentence("schedule", ScheduleInWords(deployment_json));
  sentence(f.decision, f.reason);
  std::fflush(stdout);
}

}  // namespace auspex::cli
