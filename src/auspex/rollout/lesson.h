#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auspex/evidence/noise.h"
#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// What rollouts that ended promoted with verdict `pass` teach of their service: nothing was wrong
// with them, so whatever differed between the arms after warm-up is noise (A/A history, section 4).
// A few hundred numbers; lessons of several rollouts are merged by adding.
struct Lesson {
  struct Gauge {
    std::string name;
    double tick_s = 0.0;  // wall seconds from one value to the next
    evidence::PairSums pairs;
    double highest = 0.0;  // of ln(canary/baseline), means of 5 minutes
    friend bool operator==(const Gauge&, const Gauge&) = default;
  };
  evidence::SpreadSums errors;
  std::vector<evidence::SpreadSums> slower;               // than t50, t90, t99, …
  std::map<std::string, evidence::SpreadSums> behaviour;  // by signal
  std::vector<Gauge> gauges;                              // by name and tick
  // One a rollout: wall seconds from the first weight until the canary's errors and latencies were
  // the baseline's, and that had been seen (LessonRecorder says how).
  std::vector<double> cold_start_s;
  [[nodiscard]] std::size_t rollouts() const { return cold_start_s.size(); }
  friend bool operator==(const Lesson&, const Lesson&) = default;
};
void Merge(const Lesson& other, Lesson* sum);

// Takes a rollout's lesson while it runs. Everything comes from the rollout and its recorded
// inputs, so a replay takes the same one.
//
// Cold start: for each rate, S(t) = log of the mean over two ratios r of the likelihood, until t,
// of "the canary's rate is r times the baseline's" against "it is at most 1.1 times". S is greatest
// where an excess ended most likely; the last t at which it is within 1.92 of that (the 95 %
// interval of a likelihood ratio) is how long the excess may have lasted. A service with too few
// requests to tell is given all of the time that was watched, 480 s at time scale 1.
class LessonRecorder {
 public:
  // One tick; `rollout` as it stands after it. Ticks that were held for a reason (router or feed
  // away) teach nothing.
  void Add(const Rollout& rollout, const Inputs& inputs);
  // nullopt where the rollout did not pass.
  [[nodiscard]] std::optional<Lesson> Of(const Rollout& rollout) const;

 private:
  struct ColdStart {
    double log_ratio[2] = {0.0, 0.0};
    std::vector<double> score;  // S at the end of each 10 s
  };
  struct GaugeRecorder {
    evidence::PairRecorder pairs;
    double sum = 0.0, count = 0.0, seconds = 0.0;  // of the block at hand
    std::optional<double> highest;
  };
  void WatchColdStart(const Rollout& rollout, const std::vector<evidence::Counts>& rates);
  void AddBehaviour(const Rollout& rollout, const telemetry::Window& window, double seconds);
  void AddGauge(const Rollout& rollout, const std::optional<double>& y, double seconds,
                GaugeRecorder* gauge) const;
  [[nodiscard]] double ColdStartEnd() const;  // seconds at time scale 1

  double last_t_ = 0.0;
  std::vector<evidence::SpreadRecorder> spreads_;  // errors, then slower
  std::vector<ColdStart> cold_;                    // likewise
  std::map<std::string, evidence::SpreadRecorder> behaviour_;
  std::map<std::string, GaugeRecorder> gauges_;
};

// What of a lesson the spec of a rollout may use.
struct Learnable {
  std::vector<std::string> gauges;  // configured signals of the role saturation
  bool warm_up = false;             // the user gave none
};
// Fills s2, gauges and warm-up of the spec, from the lesson where it says enough and else with
// assumptions to the wide side, and says which in `learned` and `assumed`.
void ApplyLesson(const Lesson& lesson, const Learnable& learnable, RolloutSpec* spec);

}  // namespace auspex::rollout
