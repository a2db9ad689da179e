#pragma once

#include <map>
#include <string>
#include <vector>

#include "auspex/evidence/judge/judgement.h"

// The judge `NetflixACAJudge-v1.0` of Spinnaker's Kayenta, for users who come from it and as a
// yardstick: the same classes, scores and verdicts from the same values, its weaknesses included
// (docs/judge.md). Read from its source, commit a69573be; tests/evidence/kayenta_test.cc holds
// the figures that were checked. Pure.
namespace auspex::evidence {

struct KayentaMetric {
  enum class Direction { kIncrease, kDecrease, kEither };
  std::string name;
  Direction direction = Direction::kEither;
  bool replace_nan = false;      // nanStrategy: replace (by 0); else NaN are dropped
  bool remove_outliers = false;  // outliers.strategy: remove
  double outlier_factor = 3.0;   // fences at this many interquartile ranges
  bool critical = false;         // anything but Pass makes the whole score 0
  bool must_have_data = false;
  bool muted = false;  // judged, but not in the score
  bool cles = false;   // effectSize.measure: cles; else meanRatio
  // nullopt: .5 for cles, 1 for meanRatio.
  std::optional<double> allowed_increase, allowed_decrease;
  std::optional<double> critical_increase, critical_decrease;
  std::vector<std::string> groups = {"metrics"};
};

struct KayentaConfig {
  std::map<std::string, double> group_weights;  // percent
  // Of the score; Kayenta has no defaults, these are those of Spinnaker's guide.
  double pass = 95.0;
  double marginal = 75.0;
};

// One metric's values, NaN where one is missing.
struct KayentaValues {
  KayentaMetric metric;
  std::vector<double> canary;
  std::vector<double> baseline;
};

// Score >= pass: kPass; >= marginal: kInconclusive ("Marginal"); else kFail. Metrics of class High,
// Low or NodataFailMetric fail, Nodata is inconclusive. `metrics` is not empty.
[[nodiscard]] Judgement JudgeAsKayenta(const std::vector<KayentaValues>& metrics,
                                       const KayentaConfig& config);

}  // namespace auspex::evidence
