#pragma once

#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// What the two paces decide differently (docs/statistics.md: classic sections 3 and 7, swift
// sections 12.1 and 12.3). Each has one object, in classic.cc and in swift.cc, where its constants
// stand, beside those of evidence/rules.h; the rest of the module asks StrategyOf and knows of no
// pace. Weights are basis points, times seconds
// at time scale 1.
struct Strategy {
  evidence::Rules rules;

  // ---- before the tick's evidence

  // The chance that a fault begins in a tick that was served with `given_bp`.
  double (*hazard)(const Rollout& rollout, int given_bp);
  // Ticks that Rollout::seen keeps.
  std::size_t (*seen_ticks)(const Rollout& rollout);

  // ---- the pace

  // From a weight until telemetry has told what it did and the next one acts.
  double (*reaction_s)(const Rollout& rollout);
  double (*least)(const Rollout& rollout);
  // The weight whose expected harm is the budget. Called only where the traffic is known.
  double (*want)(const Rollout& rollout, const evidence::CanaryEvidence::Throttle& throttle);
  // P(faulty now) that forbids a larger weight.
  double (*doubt)(const Rollout& rollout);
  double doubling_s;  // the weight grows twofold in no less
  int (*cap)(const Rollout& rollout, double throttle_p_fail);

  // ---- silence and ends

  // The arm whose silence forbids a larger weight; empty: none.
  std::string_view (*silent_arm)(const Rollout& rollout);
  // No sign of a fault, at a weight from which on there is no more to be seen.
  bool (*done)(const Rollout& rollout, Weight next, double throttle_p_fail);
  // kSuspect: it is rolled back for what it showed, which is no proof.
  enum class Deadline { kRollBack, kSuspect, kPromote, kHold, kPerson };
  Deadline (*at_deadline)(const Rollout& rollout, double throttle_p_fail);
};

extern const Strategy kClassic;
extern const Strategy kSwift;

[[nodiscard]] inline const Strategy& StrategyOf(const Rollout& rollout) {
  return rollout.spec.pace == Pace::kSwift ? kSwift : kClassic;
}

// .25, .5, 1 and 2 for criticality 1 to 4: a factor of each budget.
[[nodiscard]] double CriticalityFactor(int criticality);
inline constexpr int kHighLoadBp = 3000;  // from here on a fault may need the load to show
inline constexpr int kAlmostWholeBp = 9000;

}  // namespace auspex::rollout
