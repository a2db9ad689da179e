#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "auspex/model/metrics.h"
#include "auspex/training/folds.h"
#include "auspex/training/history.h"
#include "auspex/training/training.h"

namespace auspex::training {
namespace {

// Below these the folds tell nothing apart, and neither would a user.
constexpr std::size_t kFewestRows = 30;
constexpr std::size_t kFewestOfOutcome = 5;
// Of the whole time: after so much a row counts half in the calibration. Chosen on folds inside the
// training parts of public data (docs/models.md): base rates drift, and the last tenth of the time
// tells most of where they are now.
constexpr double kCalibrationHalfLife = 0.1;
// A column that tells the outcome as well as this is most likely a copy of it.
constexpr double kTooGood = 0.999;

// The calibration as it would have been made at `at`, from rows tried before.
model::Calibration CalibrateAt(const Dataset& data, const Benchmark& benchmark, double at) {
  const std::vector<double>& all = benchmark.scores[benchmark.best].margins;
  std::vector<double> margins, failed, times;
  for (std::size_t i = 0; i < benchmark.rows.size(); ++i) {
    const std::size_t row = benchmark.rows[i];
    if (data.time[row] >= at || data.known_at[row] > at) continue;
    margins.push_back(all[i]);
    failed.push_back(data.failed[row]);
    times.push_back(data.time[row]);
  }
  const double first = data.time[data.order.front()];
  // The half-life is a share of the whole time, not of that which was tried.
  std::vector<double> weights;
  weights.reserve(times.size());
  const double half_life = kCalibrationHalfLife * (at - first);
  for (const double time : times)
    weights.push_back(half_life > 0 ? std::exp2(-(at - time) / half_life) : 1.0);
  return model::FitCalibration(margins, failed, weights);
}

// Each fold but the first, calibrated on those before it.
model::Metrics Later(const Dataset& data, const Benchmark& benchmark) {
  const std::vector<double>& margins = benchmark.scores[benchmark.best].margins;
  std::vector<double> chances, failed;
  std::size_t place = benchmark.folds.front().test.size();
  for (std::size_t k = 1; k < benchmark.folds.size(); ++k) {
    const model::Calibration calibration = CalibrateAt(data, benchmark, benchmark.folds[k].at);
    for (const std::size_t row : benchmark.folds[k].test) {
      chances.push_back(calibration.ChanceOf(margins[place++]));
      failed.push_back(data.failed[row]);
    }
  }
  return model::Measure(chances, failed);
}

Status CheckEnough(const Dataset& data, const std::vector<std::size_t>& rows) {
  std::size_t failures = 0;
  for (const std::size_t row : rows) failures += data.failed[row] > 0.5 ? 1U : 0U;
  const std::size_t passes = rows.size() - failures;
  if (rows.size() < kFewestRows || std::min(failures, passes) < kFewestOfOutcome)
    return Fail(ErrorCode::kNoData,
                "too little to learn from: {} of {} rows have an outcome that was known by the "
                "time of the last row, {} failed and {} did not; it takes {} rows and {} of each",
                rows.size(), data.rows(), failures, passes, kFewestRows, kFewestOfOutcome);
  if (data.time[data.order.front()] == data.time[data.order.back()])
    return Fail(ErrorCode::kInvalidArgument,
                "all rows have the same time, so nothing comes after anything; name the right "
                "column with --time, or leave it out where rows stand in the order of time");
  return {};
}

// Of a column alone, in the better of its two directions; missing values come first.
double AucOf(const Dataset& data, const model::Table& table, std::size_t column,
             std::span<const std::size_t> rows) {
  std::vector<double> values, failed;
  for (const std::size_t row : rows) {
    const double value = table.At(row, column);
    values.push_back(std::isnan(value) ? std::numeric_limits<double>::lowest() : value);
    failed.push_back(data.failed[row]);
  }
  const double auc = model::Auc(values, failed);
  return std::max(auc, 1 - auc);
}

// On the rows that `later` is measured on.
void FindSingle(const Dataset& data, const model::Table& table, const Benchmark& benchmark,
                ModelRecord* record) {
  const auto rows = std::span(benchmark.rows).subspan(benchmark.folds.front().test.size());
  if (rows.empty()) return;
  for (std::size_t column = 0; column < table.width(); ++column) {
    const double auc = AucOf(data, table, column, rows);
    if (!(auc > record->single_auc)) continue;
    record->single_auc = auc;
    record->single_column = table.columns[column];
  }
}

// Columns that give the outcome away.
std::vector<std::string> Suspects(const Dataset& data, const model::Table& table,
                                  const std::vector<std::size_t>& rows) {
  std::vector<std::string> notes;
  for (std::size_t column = 0; column < table.width(); ++column) {
    const double auc = AucOf(data, table, column, rows);
    if (auc < kTooGood) continue;
    notes.push_back(
        fmt::format("column '{}' alone tells the outcome (AUC {:.4f}); if it is only known once "
                    "the outcome is, leave it out with --drop {}",
                    table.columns[column], auc, table.columns[column]));
  }
  return notes;
}

// Rows far outside the time of the others: a clock that was wrong stretches "recent" and "now".
std::vector<std::string> Strays(const Dataset& data) {
  const std::size_t edge = data.rows() / 100;
  const double low = data.time[data.order[edge]];
  const double high = data.time[data.order[data.rows() - 1 - edge]];
  std::size_t strays = 0;
  for (const double time : data.time)
    if (time < low - (high - low) || time > high + (high - low)) ++strays;
  if (strays == 0) return {};
  return {
      fmt::format("{} from the others than those span; what is recent, and which outcomes were "
                  "known, is measured by the times: mend or drop what is wrong",
                  strays == 1 ? std::string("the time of 1 row lies further")
                              : fmt::format("the times of {} rows lie further", strays))};
}

std::vector<TriedCandidate> Tried(const Benchmark& benchmark) {
  std::vector<TriedCandidate> tried;
  for (std::size_t i = 0; i < benchmark.scores.size(); ++i) {
    const CandidateScore& score = benchmark.scores[i];
    tried.push_back(
        {score.candidate.Name(), i == benchmark.best, score.auc, score.log_loss, score.folds});
  }
  return tried;
}

}  // namespace

Result<std::vector<Candidate>> CandidatesFor(const std::string& learner,
                                             const model::LearnerRegistry& learners) {
  std::vector<std::string> names = learners.Names();
  if (learner != "auto") {
    if (std::find(names.begin(), names.end(), learner) == names.end())
      return Fail(ErrorCode::kInvalidArgument,
                  "there is no learner '{}' in this version; there is auto, {}", learner,
                  fmt::join(names, ", "));
    names = {learner};
  }
  std::vector<Candidate> candidates;
  for (const std::string& name : names) {
    candidates.push_back({name, false});
    candidates.push_back({name, true});
  }
  return candidates;
}

Result<Artefact> Train(const Dataset& data, const TrainOptions& options,
                       const model::LearnerRegistry& learners) {
  AUSPEX_TRY(const auto candidates, CandidatesFor(options.learner, learners));
  const double now = data.time[data.order.back()];
  const Dataset even = WaitedAlike(data, now);
  const std::vector<std::size_t> rows = KnownBy(even, now);
  AUSPEX_TRY(CheckEnough(data, rows));
  ModelRecord record;
  record.roles = options.roles;
  record.roles.features = data.table.columns;
  record.history = options.history;
  std::vector<model::Feature> known = options.known;
  if (options.history) {
    for (const FeatureSpec& spec : HistoryFeatures()) {
      known.push_back(model::FeatureOf(spec));
      const auto& columns = data.table.columns;
      if (std::find(columns.begin(), columns.end(), spec.name) != columns.end())
        return Fail(ErrorCode::kInvalidArgument,
                    "column '{}' has the name of a feature that --history makes; drop or rename it",
                    spec.name);
    }
  }
  const model::Table table = FeaturesFor(record, data);
  AUSPEX_TRY(const Benchmark benchmark, RunBenchmark(even, table, known, candidates, learners,
                                                     options.seed, options.progress));
  const Candidate& chosen = benchmark.scores[benchmark.best].candidate;
  AUSPEX_TRY(const auto learner, learners.Create(chosen.learner));
  const model::Examples examples = ExamplesOf(even, table, known, rows, now, chosen.recent);
  AUSPEX_TRY(auto classifier, learner->Train(examples, options.seed));

  record.learner = chosen.learner;
  record.recent = chosen.recent;
  record.parameters = learner->Describe();
  record.seed = options.seed;
  record.data_sha256 = HashOf(data);
  record.rows = rows.size();
  for (const double failed : examples.failed) record.failures += failed > 0.5 ? 1U : 0U;
  record.unknown = data.rows() - rows.size();
  record.groups = data.group_names.size();
  record.first_time = data.time[data.order.front()];
  record.last_time = now;
  record.tried = Tried(benchmark);
  record.later = Later(even, benchmark);
  FindSingle(even, table, benchmark, &record);
  record.notes = Suspects(data, data.table, rows);
  for (std::string& note : Strays(data)) record.notes.push_back(std::move(note));
  // After the last moment: every row that was tried is earlier.
  const double after = std::nextafter(now, std::numeric_limits<double>::infinity());
  return Artefact{
      std::move(record),
      std::make_shared<model::Model>(std::move(classifier), CalibrateAt(even, benchmark, after))};
}

}  // namespace auspex::training
