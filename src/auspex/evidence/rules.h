#pragma once

#include <cstddef>

namespace auspex::evidence {

// What the two paces (docs/statistics.md, section 12) judge differently. Durations are seconds at
// time scale 1; what a pace chooses for the evidence stands in one of the two objects below, what
// goes with an enumerator where it is used.
struct Rules {
  std::size_t edges = 3;  // latency metrics: t50, t90, t99 and, with 4, t99.9

  // Warm-up of F: errors tolerate `warm_up_ratio (1 + warm_up_grade left)` times the baseline's
  // rate, `left` = the share of the warm-up that is to come. Latency does not count in it.
  double warm_up_ratio = 5.0;
  double warm_up_grade = 0.0;

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
                                   .shift = Rules::Shift::kDivergence,
                                   .relearns = true,
                                   .gauge_step_s = 10.0,
                                   .gauge_margin = true,
                                   .gauge_harm = Rules::GaugeHarm::kRamp,
                                   .harm_of = Rules::HarmOf::kOwn};

}  // namespace auspex::evidence
