#pragma once

#include <cstddef>

namespace auspex::evidence {

// What the two paces (docs/statistics.md, section 12) judge differently. Durations are seconds at
// time scale 1; each number of section 12.1 that the evidence needs stands in one of the two
// objects below and nowhere else.
struct Rules {
  std::size_t edges = 3;  // latency metrics: t50, t90, t99 and, with 4, t99.9

  // Warm-up of F: errors tolerate `warm_up_ratio (1 + warm_up_grade left)` times the baseline's
  // rate, `left` = the share of the warm-up that is to come. Latency counts in it where the
  // canary's edges are widened meanwhile.
  double warm_up_ratio = 5.0;
  double warm_up_grade = 0.0;
  bool latency_in_warm_up = false;
  double edge_grade = 0.0;  // a canary's edges are 1.05 (1 + edge_grade left) times the baseline's

  // Pseudo-counts of history in G are divided by 1 + (t / history_fades_s)^2; 0: they stay.
  double history_fades_s = 0.0;
  // From the bake on, G forgets what F does not see.
  bool anchors = false;

  // A shift of the baseline: by its distance in standard deviations, or by its divergence. After
  // one, the baseline's rate is learned anew from the last 40 s.
  enum class Shift { kDeviation, kDivergence };
  Shift shift = Shift::kDeviation;
  bool relearns = false;

  // Gauges: one value so often at most (0: each tick), whether phi is taken larger by its own
  // uncertainty, and what one that is suspected costs.
  double gauge_step_s = 0.0;
  bool gauge_margin = false;
  enum class GaugeHarm { kStep, kRamp };
  GaugeHarm gauge_harm = GaugeHarm::kStep;

  // The expected harm weighs each metric by its share of the whole posterior, where suspicions
  // compete, or by its own posterior alone, where more of one never hides another.
  enum class HarmOf { kWhole, kOwn };
  HarmOf harm_of = HarmOf::kWhole;
};

// Sections 1 to 7, and section 12.1.
inline constexpr Rules kClassicRules{};
inline constexpr Rules kSwiftRules{.edges = 4,
                                   .warm_up_ratio = 1.1,
                                   .warm_up_grade = 3.3,
                                   .latency_in_warm_up = true,
                                   .edge_grade = 1.6,
                                   .history_fades_s = 600.0,
                                   .anchors = true,
                                   .shift = Rules::Shift::kDivergence,
                                   .relearns = true,
                                   .gauge_step_s = 10.0,
                                   .gauge_margin = true,
                                   .gauge_harm = Rules::GaugeHarm::kRamp,
                                   .harm_of = Rules::HarmOf::kOwn};

}  // namespace auspex::evidence
