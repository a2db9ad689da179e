#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/rollout/engine.h"

namespace auspex::bench {

// When what happened on the engine's thread, seen from its feed and its events. Thread-safe.
class Watch {
 public:
  // A rollout's window is taken.
  void OnTake() {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (decided_) {
      passes_ms_.push_back(Ms(last_decision_ - first_take_));
      decided_ = taken_ = false;
    }
    if (!std::exchange(taken_, true)) first_take_ = now;
    last_take_ = now;
  }
  // A decision has been stored and its commands are carried out.
  void OnEvent(const rollout::Engine::Event& event) {
    if (event.type != "decision") return;
    const std::lock_guard lock(mutex_);
    last_decision_ = Clock::now();
    if (taken_ && !decided_) commits_ms_.push_back(Ms(last_decision_ - last_take_));
    decided_ = taken_;
    decisions_[event.deployment].push_back(RealClock().Wall());
  }

  struct Passes {
    // From the first window taken to the last of its decisions carried out.
    std::vector<double> whole_ms;
    // Of that, from the last window taken to the first decision: the commit, but for some 50 us.
    std::vector<double> commit_ms;
  };
  // Those since the last call.
  Passes TakePasses() {
    const std::lock_guard lock(mutex_);
    return {std::exchange(passes_ms_, {}), std::exchange(commits_ms_, {})};
  }
  // When each decision of a deployment had been stored and carried out; the first is the start.
  std::map<std::string, std::vector<WallTime>> Decisions() {
    const std::lock_guard lock(mutex_);
    return decisions_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static double Ms(Clock::duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  }

  std::mutex mutex_;
  bool taken_ = false, decided_ = false;
  Clock::time_point first_take_, last_take_, last_decision_;
  std::vector<double> passes_ms_, commits_ms_;
  std::map<std::string, std::vector<WallTime>> decisions_;
};

}  // namespace auspex::bench
