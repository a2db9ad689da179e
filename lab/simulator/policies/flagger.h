#pragma once

#include "lab/simulator/policies/thresholds.h"
#include "lab/simulator/policy.h"

namespace auspex::lab::simulator {

// Flagger's loop (v1.44), once a minute: the failed checks so far against the threshold, then
// success rate and p99 of the last minute, then the next weight. Its documented example: interval
// 1m, threshold 5, steps of 10 % to 50 %, then promotion.
//
// - The first tick scales the canary up, so the first weight is in force from 1 min on.
// - A failed check is one more of a total that a good check never takes back; the tick after the
//   last one rolls back, since the total is compared before the metrics are asked.
// - A minute without requests has no values: a failed check.
// - At the highest weight a good check starts the promotion; the primary has the new version, and
//   with it all traffic, a tick later.
class FlaggerRun final : public Run {
 public:
  explicit FlaggerRun(const Thresholds& limits);
  [[nodiscard]] const Look& Next() const override { return look_; }
  void See(double begin_s, const Tick& tick) override;
  [[nodiscard]] int failed_checks() const { return failed_checks_; }

 private:
  void End(Outcome::End end, std::string by);

  Thresholds limits_;
  Look look_;
  int failed_checks_ = 0;
  bool promoting_ = false;
};

}  // namespace auspex::lab::simulator
