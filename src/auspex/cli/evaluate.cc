#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "auspex/base/printable.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/model_files.h"

namespace auspex::cli {
namespace {

constexpr std::size_t kBins = 10;
constexpr std::size_t kPlotWidth = 50;

struct GroupFigures {
  std::string name;
  model::Metrics metrics;
};

struct Figures {
  model::Metrics all;
  std::vector<model::ReliabilityBin> bins;
  std::vector<GroupFigures> groups;  // none where there is one group
  // Of the rows so old that by the time of the last row either outcome is known of such
  // (training::WaitedAlike); others may still change.
  model::Metrics settled;
  std::size_t young = 0;      // the others
  std::size_t unknown = 0;    // rows without an outcome
  bool learned_from = false;  // the model learned from these very rows
};

Result<Figures> Evaluated(const EvaluateOptions& options) {
  AUSPEX_TRY(const auto learners, Learners());
  std::string label = options.label;
  if (label.empty()) {
    AUSPEX_TRY(const auto artefact, training::LoadArtefact(options.model, learners));
    label = artefact.record.roles.label;
  }
  AUSPEX_TRY(const Judged judged, JudgeData(options.model, options.data, label, false));
  const training::Dataset& data = judged.data;
  Figures figures;
  figures.learned_from = training::HashOf(data) == judged.artefact.record.data_sha256;
  std::vector<double> chances, failed, settled_chances, settled_failed;
  const double end =
      data.time.empty() ? 0.0 : *std::max_element(data.time.begin(), data.time.end());
  // Failures are known sooner than their absence: what counts as settled waits as long for both.
  const training::Dataset waited = training::WaitedAlike(data, end);
  std::vector<std::vector<double>> group_chances(data.group_names.size()),
      group_failed(data.group_names.size());
  for (std::size_t row = 0; row < data.rows(); ++row) {
    if (std::isnan(data.failed[row])) continue;
    chances.push_back(judged.chances[row]);
    failed.push_back(data.failed[row]);
    if (waited.known_at[row] <= end) {
      settled_chances.push_back(judged.chances[row]);
      settled_failed.push_back(data.failed[row]);
    }
    group_chances[data.group[row]].push_back(judged.chances[row]);
    group_failed[data.group[row]].push_back(data.failed[row]);
  }
  if (failed.empty())
    return Fail(ErrorCode::kNoData, "{}: no row has an outcome in column '{}'", options.data,
                label);
  figures.unknown = data.rows() - failed.size();
  figures.all = model::Measure(chances, failed);
  figures.young = failed.size() - settled_failed.size();
  figures.settled = model::Measure(settled_chances, settled_failed);
  figures.bins = model::Reliability(chances, failed, kBins);
  if (data.group_names.size() > 1)
    for (std::size_t g = 0; g < data.group_names.size(); ++g)
      figures.groups.push_back(
          {data.group_names[g], model::Measure(group_chances[g], group_failed[g])});
  return figures;
}

void PrintJson(const Figures& figures) {
  std::string bins, groups;
  for (const model::ReliabilityBin& bin : figures.bins)
    bins += fmt::format(R"({}{{"low":{},"high":{},"rows":{},"predicted":{},"observed":{}}})",
                        bins.empty() ? "" : ",", bin.low, bin.high, bin.rows,
                        JsonNumber(bin.rows == 0 ? NAN : bin.predicted),
                        JsonNumber(bin.rows == 0 ? NAN : bin.observed));
  for (const GroupFigures& group : figures.groups)
    groups += fmt::format(R"({}{{"group":{},"metrics":{}}})", groups.empty() ? "" : ",",
                          nlohmann::json(group.name).dump(), MetricsJson(group.metrics));
  fmt::print(
      R"({{"metrics":{},"unknown":{},"learned_from":{},"young":{},"settled":{},"reliability":[{}],"groups":[{}]}})"
      "\n",
      MetricsJson(figures.all), figures.unknown, figures.learned_from, figures.young,
      MetricsJson(figures.settled), bins, groups);
}

std::string Figure(double value) {
  return std::isnan(value) ? std::string("n/a") : fmt::format("{:.4f}", value);
}

void PrintPlot(const std::vector<model::ReliabilityBin>& bins) {
  fmt::print("\nreliability: what was said (|) against what came (#)\n{:>9}{:>8}{:>8}{:>8}\n",
             "P(fail)", "rows", "said", "came");
  for (const model::ReliabilityBin& bin : bins) {
    if (bin.rows == 0) continue;
    std::string bar(kPlotWidth + 1, ' ');
    const auto at = [](double share) {
      return static_cast<std::size_t>(std::lround(share * kPlotWidth));
    };
    for (std::size_t i = 0; i < at(bin.observed); ++i) bar[i] = '#';
    bar[at(bin.predicted)] = '|';
    fmt::print("{:>3.0f}-{:<3.0f} %{:>8}{:>6.1f} %{:>6.1f} % {}\n", 100 * bin.low, 100 * bin.high,
               bin.rows, 100 * bin.predicted, 100 * bin.observed, bar);
  }
}

void PrintText(const Figures& figures) {
  const auto line = [](const std::string& name, const model::Metrics& m) {
    fmt::print("{:<24.24}{:>8}{:>8}{:>8}{:>8}{:>10}{:>8}{:>8}\n", name, m.rows, m.failures,
               Figure(m.auc), Figure(m.average_precision), Figure(m.log_loss), Figure(m.brier),
               Figure(m.calibration_error));
  };
  fmt::print("{:<24}{:>8}{:>8}{:>8}{:>8}{:>10}{:>8}{:>8}\n", "", "rows", "failed", "AUC", "PR-AUC",
             "log loss", "Brier", "ECE");
  line("all", figures.all);
  if (figures.young > 0 && figures.settled.rows > 0) line("of which settled", figures.settled);
  for (const GroupFigures& group : figures.groups) line(Printable(group.name), group.metrics);
  if (figures.unknown > 0)
    fmt::print("{} rows without an outcome are not counted\n", figures.unknown);
  if (figures.young > 0)
    fmt::print(
        "{} outcomes are so young that what did not fail yet may still: failed is too few of "
        "them{}\n",
        figures.young, figures.settled.rows > 0 ? "; the others are in the line `settled`" : "");
  if (figures.learned_from)
    fmt::print(
        "the model learned from these very rows: on others it is worse; its card says how it did "
        "on later ones\n");
  PrintPlot(figures.bins);
}

}  // namespace

int Evaluate(const EvaluateOptions& options) {
  const auto figures = Evaluated(options);
  if (!figures.ok()) return Complain("evaluate", figures.error());
  if (options.json) {
    PrintJson(*figures);
  } else {
    PrintText(*figures);
  }
  return kGood;
}

}  // namespace auspex::cli
