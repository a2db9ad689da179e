#include "auspex/training/benchmark.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "auspex/model/learners/blend.h"

namespace auspex::training {
namespace {

constexpr std::size_t kFolds = 5;
// Nearer than this, in standard errors, losses on the folds do not tell candidates apart; then the
// blend is taken, which is the better bet of them: inside the training parts of eight public
// projects it beat the plain choice of the least loss (docs/models.md).
constexpr double kClearly = 2.0;

// Margins of one learner and weighting on the rows of all folds, one after the other.
Result<std::vector<double>> FoldMargins(const Dataset& data, const model::Table& table,
                                        std::span<const model::Feature> known,
                                        const std::vector<Fold>& folds, const Candidate& candidate,
                                        const model::LearnerRegistry& learners, std::uint64_t seed,
                                        const std::function<void()>& step) {
  AUSPEX_TRY(const auto learner, learners.Create(candidate.learner));
  std::vector<double> margins;
  for (const Fold& fold : folds) {
    const model::Examples examples =
        ExamplesOf(data, table, known, fold.train, fold.at, candidate.recent);
    AUSPEX_TRY(const auto classifier, learner->Train(examples, seed));
    AUSPEX_TRY(const auto tried, classifier->Margins(Rows(table, fold.test)));
    margins.insert(margins.end(), tried.begin(), tried.end());
    step();
  }
  return margins;
}

CandidateScore Score(const Dataset& data, const std::vector<Fold>& folds,
                     const Candidate& candidate, std::vector<double> margins) {
  CandidateScore score;
  score.candidate = candidate;
  std::size_t begin = 0;
  double aucs = 0, defined = 0, loss = 0;
  for (const Fold& fold : folds) {
    std::vector<double> chances, failed;
    for (std::size_t i = 0; i < fold.test.size(); ++i) {
      chances.push_back(model::Sigmoid(margins[begin + i]));
      failed.push_back(data.failed[fold.test[i]]);
    }
    begin += fold.test.size();
    score.folds.push_back(model::Measure(chances, failed));
    loss += score.folds.back().log_loss * static_cast<double>(fold.test.size());
    if (std::isnan(score.folds.back().auc)) continue;
    aucs += score.folds.back().auc;
    defined += 1;
  }
  score.log_loss = loss / static_cast<double>(begin);
  score.auc = defined > 0 ? aucs / defined : std::numeric_limits<double>::quiet_NaN();
  score.margins = std::move(margins);
  return score;
}

// Index of the least log loss among the candidates that `counts`; none: all of them.
template <typename Counts>
std::size_t Least(const std::vector<CandidateScore>& scores, Counts counts) {
  std::size_t best = scores.size();
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (counts(scores[i]) && (best == scores.size() || scores[i].log_loss < scores[best].log_loss))
      best = i;
  return best;
}

std::size_t Best(const Dataset& data, const Benchmark& benchmark) {
  const std::vector<CandidateScore>& scores = benchmark.scores;
  const std::size_t least = Least(scores, [](const CandidateScore&) { return true; });
  const std::size_t blend =
      Least(scores, [](const CandidateScore& score) { return score.candidate.learner == "blend"; });
  if (blend == scores.size() || blend == least) return least;
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < benchmark.rows.size(); ++i) {
    const double failed = data.failed[benchmark.rows[i]];
    const auto loss = [&](std::size_t score) {
      const double chance = model::Sigmoid(scores[score].margins[i]);
      return model::LogLoss(std::span(&chance, 1), std::span(&failed, 1));
    };
    const double gain = loss(blend) - loss(least);
    sum += gain;
    squares += gain * gain;
  }
  const auto rows = static_cast<double>(benchmark.rows.size());
  const double variance = squares / rows - sum / rows * (sum / rows);
  return sum / rows > kClearly * std::sqrt(std::max(variance, 0.0) / rows) ? least : blend;
}

bool HasBothOutcomes(const Dataset& data, const std::vector<std::size_t>& rows) {
  const auto failed = [&data](std::size_t row) { return data.failed[row] > 0.5; };
  return std::any_of(rows.begin(), rows.end(), failed) &&
         !std::all_of(rows.begin(), rows.end(), failed);
}

// What must be fitted for the candidates, each once: a blend is made of its members' margins.
std::vector<Candidate> Fits(const std::vector<Candidate>& candidates) {
  std::vector<Candidate> fits;
  const auto add = [&fits](const std::string& learner, bool recent) {
    for (const Candidate& fit : fits)
      if (fit.learner == learner && fit.recent == recent) return;
    fits.push_back({learner, recent});
  };
  for (const Candidate& candidate : candidates) {
    if (candidate.learner != "blend") add(candidate.learner, candidate.recent);
    if (candidate.learner == "blend")
      for (const std::string& member : model::BlendMembers()) add(member, candidate.recent);
  }
  return fits;
}

}  // namespace

std::vector<double> Fading(std::span<const double> times, double at, double share) {
  if (times.empty()) return {};
  const double first = *std::min_element(times.begin(), times.end());
  const double half_life = share * (at - first);
  std::vector<double> weights;
  for (const double time : times)
    weights.push_back(half_life > 0 ? std::exp2(-std::max(at - time, 0.0) / half_life) : 1.0);
  return weights;
}

model::Examples ExamplesOf(const Dataset& data, const model::Table& table,
                           std::span<const model::Feature> known, std::span<const std::size_t> rows,
                           double at, bool recent) {
  model::Examples examples;
  examples.table = Rows(table, rows);
  examples.features = DescribeColumns(examples.table, known);
  std::vector<double> times;
  for (const std::size_t row : rows) {
    examples.failed.push_back(data.failed[row]);
    times.push_back(data.time[row]);
  }
  examples.weights.assign(rows.size(), 1.0);
  if (!recent) return examples;
  examples.weights = Fading(times, at, kRecencyHalfLife);
  double sum = 0;
  for (const double weight : examples.weights) sum += weight;
  for (double& weight : examples.weights) weight *= static_cast<double>(rows.size()) / sum;
  return examples;
}

Result<Benchmark> RunBenchmark(const Dataset& data, const model::Table& table,
                               std::span<const model::Feature> known,
                               const std::vector<Candidate>& candidates,
                               const model::LearnerRegistry& learners, std::uint64_t seed,
                               const Progress& progress) {
  Benchmark benchmark;
  for (Fold& fold : TimeFolds(data, kFolds))
    if (HasBothOutcomes(data, fold.train)) benchmark.folds.push_back(std::move(fold));
  if (benchmark.folds.empty())
    return Fail(ErrorCode::kNoData,
                "the earlier half of the rows ended all alike, or nothing of it was known by the "
                "time of the later half; train on a longer time");
  for (const Fold& fold : benchmark.folds)
    benchmark.rows.insert(benchmark.rows.end(), fold.test.begin(), fold.test.end());
  const std::vector<Candidate> fits = Fits(candidates);
  std::size_t done = 0;
  const auto step = [&] {
    if (progress) progress(++done, fits.size() * benchmark.folds.size());
  };
  std::map<std::pair<std::string, bool>, std::vector<double>> margins;
  for (const Candidate& fit : fits) {
    AUSPEX_TRY(auto one,
               FoldMargins(data, table, known, benchmark.folds, fit, learners, seed, step));
    margins[{fit.learner, fit.recent}] = std::move(one);
  }
  for (const Candidate& candidate : candidates) {
    std::vector<std::vector<double>> members;
    if (candidate.learner != "blend")
      members.push_back(margins[{candidate.learner, candidate.recent}]);
    if (candidate.learner == "blend")
      for (const std::string& member : model::BlendMembers())
        members.push_back(margins[{member, candidate.recent}]);
    benchmark.scores.push_back(
        Score(data, benchmark.folds, candidate, model::BlendMargins(members)));
  }
  benchmark.best = Best(data, benchmark);
  return benchmark;
}

}  // namespace auspex::training
