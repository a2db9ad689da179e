#include "auspex/telemetry/sources/clock_watch.h"

#include <algorithm>

namespace auspex::telemetry {

void ClockWatch::Add(std::int64_t end_us, std::int64_t arrived_us) {
  const bool set_back = arrived_us < last_us_;
  if (set_back || arrived_us - since_us_ >= kWindowUs) {
    least_before_us_ = set_back ? std::nullopt : least_us_;
    least_us_.reset();
    since_us_ = arrived_us;
  }
  last_us_ = arrived_us;
  const std::int64_t late_us = arrived_us - end_us;
  least_us_ = least_us_ ? std::min(*least_us_, late_us) : late_us;
}

std::int64_t ClockWatch::offset_us() const {
  if (!least_us_) return 0;
  const std::int64_t least =
      least_before_us_ ? std::min(*least_us_, *least_before_us_) : *least_us_;
  if (least < -kToleranceUs) return -least;
  return least_before_us_ && least > kToleranceUs ? -least : 0;
}

}  // namespace auspex::telemetry
