#pragma once

#include "lab/simulator/policy.h"

// What the tests of policies share: ticks written by hand, and runs that are fed with them.
namespace auspex::lab::simulator::testing {

struct Hand {
  std::int64_t requests = 1000;
  std::int64_t errors = 0;
  std::int64_t slow = 0;  // over the first edge
};

inline ArmCounts CountsOf(const Hand& hand) {
  ArmCounts counts;
  counts.requests = hand.requests;
  counts.errors = hand.errors;
  counts.slower = {hand.slow};
  return counts;
}

// Feeds one tick; the weight in force afterwards, or 0 once it has ended.
inline double Feed(Run* run, double* now_s, const Hand& canary, const Hand& baseline = {}) {
  const double seconds = run->Next().seconds;
  run->See(*now_s, {.canary = CountsOf(canary), .baseline = CountsOf(baseline), .harmed = 0.0});
  *now_s += seconds;
  return run->Next().ended ? 0.0 : run->Next().split.canary;
}

inline bool RolledBack(const Run& run) {
  return run.Next().ended && run.Next().end == Outcome::End::kRolledBack;
}
inline bool Promoted(const Run& run) {
  return run.Next().ended && run.Next().end == Outcome::End::kPromoted;
}

}  // namespace auspex::lab::simulator::testing
