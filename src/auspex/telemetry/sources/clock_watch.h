#pragma once

#include <cstdint>
#include <optional>

namespace auspex::telemetry {

// How far one proxy's clock is from ours, from when its requests ended by its clock and when their
// lines came by ours. A line cannot come before its end, so one that does shows a clock that is
// ahead, at once. Lines that all come late for a whole window show one that is behind, or lines
// that are held up: a ring that was away sends old lines first, but live ones soon after. Not
// thread-safe; takes clocks that are set, also ours.
class ClockWatch {
 public:
  static constexpr std::int64_t kToleranceUs = 1'000'000;
  static constexpr std::int64_t kWindowUs = 10'000'000;

  // Both since 1970, >= 0.
  void Add(std::int64_t end_us, std::int64_t arrived_us);
  // Above 0: the proxy's clock is ahead by so much; below: behind, by so much at most. 0: within
  // kToleranceUs, or not known yet. Of the window before and the one at hand.
  [[nodiscard]] std::int64_t offset_us() const;
  [[nodiscard]] std::int64_t last_us() const { return last_us_; }  // when a line came last, by ours

 private:
  std::int64_t last_us_ = 0;
  std::int64_t since_us_ = 0;             // the window at hand began
  std::optional<std::int64_t> least_us_;  // lateness in it
  std::optional<std::int64_t> least_before_us_;
};

}  // namespace auspex::telemetry
