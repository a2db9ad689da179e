#include "auspex/telemetry/feed_balance.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace auspex::telemetry {
namespace {

constexpr std::size_t kSettled = 3;  // looks after which a line that is still away is lost

}  // namespace

void FeedBalance::Add(const Look& look) {
  const bool goes_on =
      std::equal(look.requests.begin(), look.requests.end(), requests_.begin(), requests_.end(),
                 [](std::int64_t now, std::int64_t before) { return now >= before / 2; });
  if (!goes_on) {
    lost_before_ += std::exchange(lost_, 0);
    first_gaps_.clear();
    last_gaps_.clear();
    known_.clear();
  }
  requests_ = look.requests;
  const std::int64_t ended =
      std::accumulate(requests_.begin(), requests_.end(), std::int64_t{0}) - look.in_flight;
  const std::int64_t gap = ended - look.lines;
  if (first_gaps_.size() < kSettled) first_gaps_.push_back(gap);
  last_gaps_.push_back(gap);
  if (last_gaps_.size() > kSettled) last_gaps_.pop_front();
  const std::int64_t least = *std::min_element(last_gaps_.begin(), last_gaps_.end());
  const std::int64_t most = *std::max_element(first_gaps_.begin(), first_gaps_.end());
  lost_ = std::max<std::int64_t>(0, least - most);
  known_.push_back({.ended = ended,
                    .lost = lost_,
                    .requests = look.requests,
                    .lines_of_proxy = look.lines_of_proxy});
  if (known_.size() > kLooks + 1) known_.pop_front();
}

std::string FeedBalance::Complaint() const {
  if (known_.empty()) return "";
  const std::int64_t lost = known_.back().lost - known_.front().lost;
  const std::int64_t ended = known_.back().ended - known_.front().ended;
  const double share =
      static_cast<double>(lost) / static_cast<double>(std::max<std::int64_t>(ended, 1));
  if (lost < kGraveLost || share <= kGraveShare) return "";
  return fmt::format("the proxy's request log lost {} of the last {} requests ({:.1f} %)", lost,
                     std::max(lost, ended), 100 * std::min(share, 1.0));
}

std::vector<std::size_t> FeedBalance::Silent() const {
  std::vector<std::size_t> silent;
  if (Complaint().empty()) return silent;
  const Known& first = known_.front();
  const Known& last = known_.back();
  const std::size_t known = std::min(first.lines_of_proxy.size(), last.lines_of_proxy.size());
  for (std::size_t i = 0; i < std::min(known, last.requests.size()); ++i) {
    // A process that was started anew in between has other lines to its name: not the same.
    const bool told = first.lines_of_proxy[i] >= 0 && last.lines_of_proxy[i] >= 0;
    if (told && last.lines_of_proxy[i] == first.lines_of_proxy[i] &&
        last.requests[i] - first.requests[i] >= kGraveLost)
      silent.push_back(i);
  }
  return silent;
}

}  // namespace auspex::telemetry
