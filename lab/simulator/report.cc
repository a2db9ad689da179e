#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "auspex/base/result.h"
#include "lab/simulator/summary.h"
#include "lab/simulator/text_table.h"

namespace auspex::lab::simulator {
namespace {

using Json = nlohmann::ordered_json;

std::string Percent(double share) {
  return fmt::format("{:.{}f}", 100.0 * share, share < .095 ? 2 : 1);
}
// Three digits or more, no exponent.
std::string Count(double x) {
  if (x >= 1e6) return fmt::format("{:.2f}M", x / 1e6);
  return fmt::format("{:.{}f}", x, x < 9.95 ? 2 : x < 99.5 ? 1 : 0);
}
std::string Minutes(double s) { return fmt::format("{:.{}f}", s / 60.0, s < 5970.0 ? 1 : 0); }
std::string Ratio(double x) { return fmt::format("{:.{}f}", x, x < 9.95 ? 2 : x < 99.5 ? 1 : 0); }

using Format = std::string (*)(double);

struct Column {
  const char* head;
  std::optional<Estimate> Figures::*figure;
  Format format;
};
constexpr Column kColumns[] = {
    {"caught %", &Figures::caught, Percent},
    {"proven %", &Figures::caught_by_evidence, Percent},
    {"harmed mean", &Figures::harmed_mean, Count},
    {"median", &Figures::harmed_median, Count},
    {"p95", &Figures::harmed_p95, Count},
    {"false %", &Figures::false_share, Percent},
    {"proven %", &Figures::false_by_evidence, Percent},
    {"full min", &Figures::full_s_median, Minutes},
    {"p90", &Figures::full_s_p90, Minutes},
    {"detect min", &Figures::detect_s, Minutes},
    {"x harm", &Figures::harm_ratio, Ratio},
};

std::string FiguresText(const Summary& summary) {
  TextTable table;
  std::vector<std::string> head = {"policy"};
  for (const Column& column : kColumns) head.emplace_back(column.head);
  table.Add(head);
  for (const PolicySummary& policy : summary.policies) {
    std::vector<std::string> row = {policy.title}, interval = {""};
    for (const Column& column : kColumns) {
      const std::optional<Estimate>& e = policy.figures.*column.figure;
      row.push_back(e ? column.format(e->value) : "-");
      interval.push_back(e ? fmt::format("[{} {}]", column.format(e->low), column.format(e->high))
                           : "");
    }
    table.Add(row);
    table.Add(interval);
  }
  return table.ToText();
}

std::string FaultsText(const Summary& summary) {
  TextTable table;
  std::vector<std::string> head = {"caught % / harmed mean"};
  for (std::size_t kind = 0; kind < kFaultKinds; ++kind)
    head.emplace_back(Name(static_cast<FaultKind>(kind)));
  table.Add(head);
  for (const PolicySummary& policy : summary.policies) {
    std::vector<std::string> row = {policy.title};
    for (const ByFault& fault : policy.by_fault) {
      row.push_back(fault.deployments == 0 ? "-"
                                           : fmt::format("{:.0f} / {}", 100.0 * fault.caught,
                                                         Count(fault.harmed_mean)));
    }
    table.Add(row);
  }
  return table.ToText();
}

Json JsonOf(const std::optional<Estimate>& e) {
  if (!e) return nullptr;
  return {{"value", e->value}, {"low", e->low}, {"high", e->high}};
}

Json JsonOf(const PolicySummary& policy) {
  const Figures& f = policy.figures;
  Json json{{"name", policy.name},
            {"title", policy.title},
            {"caught", JsonOf(f.caught)},
            {"caught_by_evidence", JsonOf(f.caught_by_evidence)},
            {"harmed_mean", JsonOf(f.harmed_mean)},
            {"harmed_median", JsonOf(f.harmed_median)},
            {"harmed_p95", JsonOf(f.harmed_p95)},
            {"false_rollbacks", JsonOf(f.false_share)},
            {"false_rollbacks_by_evidence", JsonOf(f.false_by_evidence)},
            {"full_share", JsonOf(f.full_share)},
            {"full_s_median", JsonOf(f.full_s_median)},
            {"full_s_p90", JsonOf(f.full_s_p90)},
            {"detect_s_median", JsonOf(f.detect_s)},
            {"harm_ratio", JsonOf(f.harm_ratio)}};
  Json faults = Json::object();
  for (std::size_t kind = 0; kind < kFaultKinds; ++kind) {
    const ByFault& fault = policy.by_fault[kind];
    if (fault.deployments == 0) continue;
    faults[std::string(Name(static_cast<FaultKind>(kind)))] = {
        {"deployments", fault.deployments},
        {"caught", fault.caught},
        {"harmed_mean", fault.harmed_mean},
        {"harmed_median", fault.harmed_median}};
  }
  json["by_fault"] = std::move(faults);
  return json;
}

}  // namespace

std::string ToText(const Summary& summary) {
  std::string text =
      fmt::format("deployments {} to {}: {}, {} of them bad; two hours each\n\n", summary.first,
                  summary.first + std::max<std::size_t>(summary.deployments, 1) - 1,
                  summary.deployments, summary.bad);
  text += FiguresText(summary);
  text +=
      "\ncaught, harmed, detect: of the bad ones; false, full: of the good ones. proven: rolled "
      "back by a statistical test.\nharmed: expected requests that the fault made fail or slower "
      "than the baseline's p99, until the roll back or two hours.\nfull: 95 % of the traffic or "
      "more, of those that come so far. detect: median from the fault's first request.\nIn "
      "brackets 95 % bootstrap intervals.";
  if (!summary.reference.empty())
    text += fmt::format(" x harm: mean harm over that of {}, in pairs.", summary.reference);
  text += "\n\n" + FaultsText(summary);
  return text;
}

std::string ToJson(const Summary& summary) {
  Json policies = Json::array();
  for (const PolicySummary& policy : summary.policies) policies.push_back(JsonOf(policy));
  const Json json{{"seed", summary.first},
                  {"deployments", summary.deployments},
                  {"bad", summary.bad},
                  {"reference", summary.reference.empty() ? Json() : Json(summary.reference)},
                  {"policies", std::move(policies)}};
  return json.dump();
}

}  // namespace auspex::lab::simulator
