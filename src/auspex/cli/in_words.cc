#include "auspex/cli/in_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "auspex/base/clock.h"

namespace auspex::cli {
namespace {

using nlohmann::json;

std::optional<double> Number(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::string Text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string Time(double seconds) { return ToText(FromSeconds(seconds)); }

// Who may answer what until when.
std::string Answer(const json& deployment, double left_s, bool rejected) {
  const auto began = ParseTime(Text(deployment, "started_at"));
  const double t_s = Number(deployment, "t_s").value_or(0.0);
  const std::string until =
      began.ok() ? "until " + ToRfc3339(*began + std::chrono::duration_cast<WallTime::duration>(
                                                     FromSeconds(t_s + left_s)))
                 : "within " + Time(left_s);
  return fmt::format(
      "an operator answers {}, else it is {}: `auspex rollout approve {} --reason …`, or reject",
      until, rejected ? "rejected" : "approved", Text(deployment, "id"));
}

// What the deadline does to one that has not ended by then: Strategy::at_deadline (rollout) in
// words.
std::string AtDeadline(bool swift, const std::string& way) {
  if (way == "roll_back") return "it is rolled back";
  const std::string held = "it goes on until the evidence or a person ends it";
  if (swift) {
    return way == "hold" ? held
                         : "it is promoted if nothing speaks against it, rolled back if much does, "
                           "and else a person decides";
  }
  return (way == "hold" ? held : "it is promoted") +
         " if it has 90 % of the traffic and nothing is proven against it, else it is rolled back";
}

}  // namespace

std::string ScheduleInWords(std::string_view deployment_json) {
  const json deployment = json::parse(deployment_json, nullptr, false);
  if (!deployment.is_object()) return "";
  const json schedule = deployment.value("schedule", json());
  if (!schedule.is_object()) return "";
  std::vector<std::string> words;
  if (const auto left = Number(schedule, "approval_s"))
    words.push_back(Answer(deployment, *left, Text(schedule, "at_timeout") == "reject"));
  if (const auto left = Number(schedule, "start_s")) {
    words.push_back(
        fmt::format("{} left for the canary's health check, then it is rolled back", Time(*left)));
  }
  if (const auto left = Number(schedule, "step_s")) {
    words.push_back(fmt::format("step {:.0f} of {:.0f}: {} left, with traffic on both versions",
                                Number(schedule, "step").value_or(0.0),
                                Number(schedule, "steps").value_or(0.0), Time(*left)));
  }
  if (const auto left = Number(schedule, "warm_up_s"))
    words.push_back(
        fmt::format("latency is judged from the end of the warm-up on, in {}", Time(*left)));
  if (const auto left = Number(schedule, "bake_s")) {
    words.push_back(*left > 0.0 ? "may be promoted in " + Time(*left)
                                : "baked: may be promoted now");
  }
  if (const auto left = Number(schedule, "deadline_s")) {
    const std::string then =
        AtDeadline(Text(deployment, "pace") == "swift", Text(schedule, "at_deadline"));
    words.push_back(*left > 0.0 ? fmt::format("deadline in {}, then {}", Time(*left), then)
                                : "the deadline has come");
  }
  if (HeldForAPerson(deployment_json)) words.push_back(HeldInWords(Text(deployment, "id")));
  return fmt::format("{}", fmt::join(words, "; "));
}

bool HeldForAPerson(std::string_view deployment_json) {
  const json deployment = json::parse(deployment_json, nullptr, false);
  return deployment.is_object() && Text(deployment, "awaits") == "person" &&
         Text(deployment, "state") == "running";
}

std::string HeldInWords(std::string_view id) {
  return fmt::format(
      "held until a person decides: `auspex rollout promote {0} --reason …`, or `auspex rollout "
      "abort {0} --reason …`",
      id);
}

std::string OrderInWords(std::string_view order_json) {
  const json order = json::parse(order_json, nullptr, false);
  if (!order.is_object()) return "";
  const auto weight = Number(order, "weight");
  return fmt::format("{} {}{} by {}: {}", Text(order, "at"), Text(order, "order"),
                     weight ? fmt::format(" {:.2f} %", 100.0 * *weight) : "", Text(order, "actor"),
                     Text(order, "reason"));
}

}  // namespace auspex::cli
