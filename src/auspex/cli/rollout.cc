#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "auspex/base/clock.h"
#include "auspex/base/http_client.h"
#include "auspex/base/printable.h"
#include "auspex/base/weight.h"
#include "auspex/cli/client.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/in_words.h"
#include "auspex/cli/picture.h"

namespace auspex::cli {
namespace {

using nlohmann::ordered_json;

constexpr Duration kPoll = 500ms;
constexpr Duration kDaemonPatience = 60s;  // a daemon that restarts is waited for

// Of what a person typed, so that no letter of it becomes part of the address.
std::string PathOf(std::string_view id, std::string_view below = {}) {
  return fmt::format("/api/v1/deployments/{}{}", PercentEncode(id), below);
}

std::string Share(const ordered_json& value) {
  return value.is_number() ? fmt::format("{:.2f} %", 100.0 * value.get<double>()) : "-";
}

std::string Word(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : "-";
}

std::string DecisionOf(const ordered_json& d) {
  return DecisionWord(d.value("decision", ""), Word(d["by"]), d.value("reason", ""));
}

// Of a gauge there is none.
std::string BaselineRate(const ordered_json& metric) {
  const auto name = metric["name"].get<std::string>();
  if (name.starts_with("level.") || name.starts_with("slope.")) return "-";
  return fmt::format("{:.6f}", metric["baseline_rate"].get<double>());
}

void PrintRow(const ordered_json& d) {
  fmt::print("{:<40} {:<14} {:<10} {:<10} {:>9} {:>8} {:>7.2f}  {}\n", d.value("id", ""),
             d.value("service", ""), d.value("state", ""), DecisionOf(d), Share(d["weight"]),
             Share(d["p_fail"]), d.value("log_e", 0.0), d.value("reason", ""));
}

void PrintDeployment(const ordered_json& d) {
  fmt::print(
      "{}\n  service     {} {}\n  state       {}\n  pace        {}\n  decision    {} (verdict {}, "
      "by {})\n  weight   "
      "   {} asked, {} given\n  confidence  {}\n",
      d.value("id", ""), d.value("service", ""), d.value("version", ""), d.value("state", ""),
      d.value("pace", "-"), DecisionOf(d), Word(d["verdict"]), Word(d["by"]), Share(d["weight"]),
      Share(d["weight_given"]), Share(d["confidence"]));
  fmt::print(
      "  evidence    log E {:.3f}, proven at {:.3f}\n  requests    canary {:.0f}, baseline "
      "{:.0f}\n  "
      "harmed      {:.1f} beyond what the baseline would have\n",
      d.value("log_e", 0.0), d.value("log_e_bar", 0.0), d["requests"]["canary"].get<double>(),
      d["requests"]["baseline"].get<double>(), d.value("users_harmed", 0.0));
  if (d["requests_needed"].is_number() && d.value("state", "") == "observing")
    fmt::print("  needed      {:.0f} more baseline requests before the first weight\n",
               d["requests_needed"].get<double>());
  else if (d["requests_needed"].is_number())
    fmt::print("  needed      {:.0f} more requests to prove a doubled error rate\n",
               d["requests_needed"].get<double>());
  if (d.value("feed_lost", 0) > 0)
    fmt::print("  feed        {} requests that the proxy counted did not arrive in its log\n",
               d["feed_lost"].dump());
  if (const std::string waits = ScheduleInWords(d.dump()); !waits.empty())
    fmt::print("  schedule    {}\n", waits);
  if (const auto age = d.find("sample_age_s"); age != d.end() && age->is_number())
    fmt::print("  samples     {:.0f} s old at the end of the last tick\n", age->get<double>());
  fmt::print("  started     {}\n  ended       {}\n  reason      {}\n", d.value("started_at", ""),
             Word(d["ended_at"]), d.value("reason", ""));
}

// What people ordered, newest last. A daemon of a version that does not tell has none.
Result<ordered_json> OrdersOf(const ClientOptions& client, const std::string& id) {
  const Result<std::string> text = GetApi(client, PathOf(id, "/orders?limit=1000"));
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) return ordered_json::array();
  if (!text.ok()) return Within("its orders", text.error());
  return ordered_json::parse(*text).value("items", ordered_json::array());
}

// A number, or `none` where the key has none.
std::string Number(const ordered_json& object, const char* key, std::string_view format,
                   std::string_view none) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::string(none);
  return fmt::format(fmt::runtime(format), found->get<double>());
}

// "1.12 (0.93 to 1.35)"; an end that is not bounded stays open.
std::string EffectInWords(const ordered_json& metric) {
  if (metric.value("effect", ordered_json()).is_null()) return "-";
  return fmt::format("{} ({} to {})", Number(metric, "effect", "{:.3g}", "-"),
                     Number(metric, "effect_low", "{:.3g}", "0"),
                     Number(metric, "effect_high", "{:.3g}", "∞"));
}

// What the evidence rests on besides counts.
void PrintNotes(const ordered_json& evidence) {
  for (const char* key : {"learned", "assumed"}) {
    for (const ordered_json& text : evidence.value(key, ordered_json::array()))
      fmt::print("\n{}: {}", key, text.get<std::string>());
  }
  fmt::print("\n");
}

// Prints decisions newer than `after`, a line each; the newest's seq.
Result<std::string> PrintDecisions(const ClientOptions& client, const std::string& id,
                                   std::string after) {
  while (true) {
    AUSPEX_TRY(const std::string text,
               GetApi(client, PathOf(id, "/decisions?limit=500&cursor=" + PercentEncode(after))));
    const ordered_json page = ordered_json::parse(text);
    for (const ordered_json& decision : page["items"]) {
      fmt::print("{}\n", decision.dump());
      after = decision["seq"].dump();
    }
    std::fflush(stdout);
    if (page["next_cursor"].is_null()) return after;
    after = page["next_cursor"].get<std::string>();
  }
}

}  // namespace

int RolloutList(const ClientOptions& client, const std::string& service, bool all) {
  std::string cursor;
  bool first = true;
  while (true) {
    std::string path =
        fmt::format("/api/v1/deployments?limit=100{}{}{}", all ? "" : "&state=active",
                    service.empty() ? "" : "&service=" + PercentEncode(service),
                    cursor.empty() ? "" : "&cursor=" + PercentEncode(cursor));
    const Result<std::string> text = GetApi(client, path);
    if (!text.ok()) return Complain("rollout list", text.error());
    const ordered_json page = ordered_json::parse(*text);
    if (first && !client.json && page["items"].empty())
      fmt::print("no rollout {}; begin one with `auspex deploy SERVICE --version V`\n",
                 all ? "is known" : "is running");
    if (first && !client.json && !page["items"].empty()) {
      fmt::print("{:<40} {:<14} {:<10} {:<10} {:>9} {:>8} {:>7}  {}\n", "ID", "SERVICE", "STATE",
                 "DECISION", "WEIGHT", "P(FAIL)", "LOG E", "REASON");
    }
    first = false;
    for (const ordered_json& d : page["items"]) {
      if (client.json) {
        fmt::print("{}\n", d.dump());
      } else {
        PrintRow(d);
      }
    }
    if (page["next_cursor"].is_null()) return kGood;
    cursor = page["next_cursor"].get<std::string>();
  }
}

int RolloutGet(const ClientOptions& client, const std::string& id) {
  const Result<std::string> text = GetApi(client, PathOf(id));
  if (!text.ok()) return Complain("rollout get", text.error());
  ordered_json deployment = ordered_json::parse(*text);
  const Result<ordered_json> orders = OrdersOf(client, id);
  if (!orders.ok()) return Complain("rollout get", orders.error());
  if (client.json) {
    deployment["orders"] = *orders;
    fmt::print("{}\n", deployment.dump());
    return kGood;
  }
  PrintDeployment(deployment);
  for (const ordered_json& order : *orders)
    fmt::print("  ordered     {}\n", OrderInWords(order.dump()));
  return kGood;
}

int RolloutExplain(const ClientOptions& client, const std::string& id) {
  const Result<std::string> text = GetApi(client, PathOf(id, "/evidence"));
  if (!text.ok()) return Complain("rollout explain", text.error());
  if (client.json) return fmt::print("{}\n", *text), kGood;
  const ordered_json evidence = ordered_json::parse(*text);
  fmt::print(
      "log E {:.3f}, proven at {:.3f}; P(faulty now) {:.2f} %\n\n{:<24} {:>8} {:>10} {:>10} "
      "{:>14} {:>9}  {:<22} {:>12}\n",
      evidence["log_e"].get<double>(), evidence["log_e_bar"].get<double>(),
      100 * evidence["p_fail"].get<double>(), "METRIC", "WEIGHT", "LOG E", "OF ALL",
      "BASELINE RATE", "TOLERATED", "TIMES THE BASELINE", "STILL NEEDED");
  ordered_json metrics = evidence["metrics"];
  std::sort(metrics.begin(), metrics.end(), [](const ordered_json& a, const ordered_json& b) {
    return a["share"].get<double>() > b["share"].get<double>();
  });
  const bool assumed = evidence.value("baseline_assumed", false);
  for (const ordered_json& metric : metrics) {
    fmt::print("{:<24} {:>6.1f} % {:>10.3f} {:>8.1f} % {:>14} {:>7.3g} x  {:<22} {:>12}{}\n",
               metric["name"].get<std::string>(), 100 * metric["weight"].get<double>(),
               metric["log_e"].get<double>(), 100 * metric["share"].get<double>(),
               BaselineRate(metric), metric.value("tolerated", 1.1), EffectInWords(metric),
               Number(metric, "requests_needed", "{:.0f}", "-"), assumed ? "  (rate assumed)" : "");
  }
  fmt::print(
      "\nTimes the baseline: with an interval of 95 % that holds at all looks together. Still "
      "needed: requests of both versions\nat this weight until the metric alone would prove {} "
      "times the baseline.\n",
      Number(evidence, "detect", "{:g}", "2"));
  if (assumed)
    fmt::print(
        "\nassumed: the baseline has not been measured yet; its rates come with the first "
        "weight\n");
  PrintNotes(evidence);
  for (const ordered_json& cause : evidence["causes"])
    fmt::print("\nspeaks against the canary: {}\n", cause["reason"].get<std::string>());
  return kGood;
}

int RolloutPrediction(const ClientOptions& client, const std::string& id) {
  const Result<std::string> text = GetApi(client, PathOf(id, "/prediction"));
  if (!text.ok()) return Complain("rollout prediction", text.error());
  if (client.json) return fmt::print("{}\n", *text), kGood;
  const ordered_json prediction = ordered_json::parse(*text);
  fmt::print("P(fail) {:.0f} % ({:.0f} to {:.0f} %) before any traffic{}; usually {:.0f} %\n",
             100 * prediction["p_fail"].get<double>(), 100 * prediction["low"].get<double>(),
             100 * prediction["high"].get<double>(),
             prediction["given"].is_null()
                 ? ""
                 : fmt::format(", {:.0f} % given and used", 100 * prediction["risk"].get<double>()),
             100 * prediction["base_risk"].get<double>());
  for (const ordered_json& reason : prediction["reasons"])
    fmt::print("  x {:<5.2g} {}\n", std::exp(reason["log_odds"].get<double>()),
               Printable(reason["text"].get<std::string>()));
  if (!prediction["reasons"].empty()) {
    const auto log_odds = [](double p) { return std::log(p / (1.0 - p)); };
    double others = log_odds(std::clamp(prediction["p_fail"].get<double>(), 1e-9, 1.0 - 1e-9)) -
                    log_odds(std::clamp(prediction["base_risk"].get<double>(), 1e-9, 1.0 - 1e-9));
    for (const ordered_json& reason : prediction["reasons"])
      others -= reason["log_odds"].get<double>();
    fmt::print("  x {:<5.2g} all that is not listed, and what is not known\n", std::exp(others));
  }
  for (const ordered_json& one : prediction["lowering"])
    fmt::print("  {:.0f} % had one chosen to {}\n", 100 * one["p_fail"].get<double>(),
               Printable(one["action"].get<std::string>()));
  const ordered_json& change = prediction["change"];
  if (const std::string range = change.value("range", ""); !range.empty())
    fmt::print("  of {}, {} commit{}\n", Printable(range), change.value("commits", 0),
               change.value("commits", 0) == 1 ? "" : "s");
  if (const std::string model = change.value("model", ""); !model.empty())
    fmt::print("  {}\n", Printable(model));
  fmt::print("  {}\n", Printable(prediction["basis"].get<std::string>()));
  if (prediction.contains("notes"))
    for (const ordered_json& note : prediction["notes"])
      fmt::print("  note: {}\n", Printable(note.get<std::string>()));
  return kGood;
}

int RolloutWatch(const ClientOptions& client, const std::string& id) {
  Picture picture;
  std::string after = "0";
  MonotonicTime answered = RealClock().Now();
  bool said = false;
  while (true) {
    const Result<std::string> text = GetApi(client, PathOf(id));
    const bool away = !text.ok() && text.error().code == ErrorCode::kUnavailable;
    if (!text.ok() && (!away || RealClock().Now() - answered > kDaemonPatience))
      return Complain("rollout watch", text.error());
    if (text.ok() == said) {
      fmt::print(stderr, "auspex rollout watch: {}\n",
                 text.ok() ? "the daemon answers again"
                           : fmt::format("{}; trying on for {}", text.error().message,
                                         ToText(kDaemonPatience)));
      said = !said;
    }
    if (text.ok()) {
      answered = RealClock().Now();
      const ordered_json deployment = ordered_json::parse(*text);
      if (client.json) {
        const Result<std::string> newest = PrintDecisions(client, id, after);
        if (newest.ok()) after = *newest;
      } else {
        picture.Show(*text);
      }
      if (deployment["state"] == "ended") {
        if (!client.json) PrintDeployment(deployment);
        return CodeForEnd(
            deployment.value("decision", ""),
            deployment["verdict"].is_string() ? deployment["verdict"].get<std::string>() : "");
      }
      if (HeldForAPerson(*text)) {
        fmt::print(stderr, "auspex rollout watch: {}; see `auspex rollout explain {}`\n",
                   HeldInWords(id), id);
        return kNoAnswer;
      }
    }
    std::this_thread::sleep_for(kPoll);
  }
}

int RolloutOrder(const ClientOptions& client, const OrderOptions& order) {
  ordered_json body{{"reason", order.reason}, {"actor", ActorName(order.actor)}};
  if (order.verb == "weight") {
    const Result<Weight> weight = Weight::Parse(order.weight);
    if (!weight.ok()) return Complain("rollout weight", weight.error());
    body["weight"] = weight->share();
  }
  const Result<std::string> text = PostApi(client, PathOf(order.id, "/" + order.verb), body.dump());
  if (!text.ok()) return Complain("rollout " + order.verb, text.error());
  if (client.json) {
    fmt::print("{}\n", *text);
  } else {
    fmt::print("{} ordered for {}\n", order.verb, order.id);
  }
  return kGood;
}

}  // namespace auspex::cli
