#include "auspex/telemetry/sources/counter_gaps.h"

#include <algorithm>
#include <cstddef>

namespace auspex::telemetry {
namespace {

// Threads number and stamp their requests a little apart.
constexpr std::int64_t kStampSlackUs = 10'000;

}  // namespace

void CounterGaps::Add(const Seen& seen) {
  if (!started_) {
    Restart(seen);
  } else if (seen.number > last_) {
    Skip(seen);
    last_ = seen.number;
  } else if (!Fill(seen.number)) {
    if (seen.start_us > latest_start_us_ + kStampSlackUs) {
      Restart(seen);
    } else if (seen.number > first_) {
      missing_ = std::max<std::int64_t>(missing_ - 1, 0);
    }
  }
  latest_start_us_ = std::max(latest_start_us_, seen.start_us);
  GiveUpOld(seen.end_us);
}

void CounterGaps::Restart(const Seen& seen) {
  started_ = true;
  first_ = seen.number;
  last_ = seen.number;
  latest_start_us_ = seen.start_us;
  holes_.clear();
}

void CounterGaps::Skip(const Seen& seen) {
  if (seen.number == last_ + 1) return;
  if (holes_.size() == kMaxHoles) {
    missing_ += holes_.front().to - holes_.front().from;
    holes_.erase(holes_.begin());
  }
  holes_.push_back({last_ + 1, seen.number, seen.end_us});
}

bool CounterGaps::Fill(std::int64_t number) {
  const auto hole = std::partition_point(holes_.begin(), holes_.end(),
                                         [&](const Hole& h) { return h.to <= number; });
  if (hole == holes_.end() || number < hole->from) return false;
  const Hole old = *hole;
  if (old.from == number && old.to == number + 1) {
    holes_.erase(hole);
  } else if (old.from == number) {
    ++hole->from;
  } else {
    hole->to = number;
    if (number + 1 < old.to) holes_.insert(hole + 1, {number + 1, old.to, old.since_us});
  }
  return true;
}

void CounterGaps::GiveUpOld(std::int64_t now_us) {
  std::size_t old = 0;
  while (old < holes_.size() && holes_[old].since_us + kPatienceUs < now_us) {
    missing_ += holes_[old].to - holes_[old].from;
    ++old;
  }
  if (old > 0) holes_.erase(holes_.begin(), holes_.begin() + static_cast<std::ptrdiff_t>(old));
}

}  // namespace auspex::telemetry
