#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace auspex::telemetry {

// Compares what the feed brought of some servers with the proxies' own count of them, one look a
// tick, so that loss is measured and not assumed. The two counts may begin at any moments. A line
// takes some milliseconds after its request, so single looks are off by a few; what is lost stays
// lost: the least gap of the last three looks beyond the most of the first three. Pure; not
// thread-safe.
class FeedBalance {
 public:
  struct Look {
    std::vector<std::int64_t> requests;  // that each proxy sent, since it started; in one order
    std::int64_t in_flight = 0;          // of these, not ended
    std::int64_t lines = 0;              // that the feed brought, read at the same time
    // Lines of any server that came from each of these proxies, in the same order; -1: the feed
    // cannot tell which are that proxy's. Empty: of none.
    std::vector<std::int64_t> lines_of_proxy = {};
  };
  // Only looks at which every proxy answered. A count below half of its last one (attempts that
  // a proxy repeats take a little from it), or another number of proxies, means that one was
  // started anew: both sides begin again, what was lost stays counted.
  void Add(const Look& look);
  // Since the first look; grows and may fall again when held up lines come after all.
  [[nodiscard]] std::int64_t lost() const { return lost_before_ + lost_; }
  // Why the last looks are no ground for giving the canary more, as a sentence's beginning; empty:
  // they are. Grave: at least kGraveLost requests and more than kGraveShare of those that ended
  // within kLooks looks. A lost line may be a failed request (a proxy that chokes loses most when
  // it fails most), and one in a hundred is as much as a usual error limit.
  [[nodiscard]] std::string Complaint() const;
  // While there is a complaint: which proxies, by their place in `requests`, ended at least
  // kGraveLost requests within these looks and brought not one line. Their logs are not connected;
  // the total alone cannot tell whose lines are missing.
  [[nodiscard]] std::vector<std::size_t> Silent() const;

  static constexpr std::size_t kLooks = 6;
  static constexpr std::int64_t kGraveLost = 10;
  static constexpr double kGraveShare = 0.01;

 private:
  std::vector<std::int64_t> requests_;  // at the last look
  std::deque<std::int64_t> first_gaps_;
  std::deque<std::int64_t> last_gaps_;
  // After each of the last looks.
  struct Known {
    std::int64_t ended;
    std::int64_t lost;
    std::vector<std::int64_t> requests;
    std::vector<std::int64_t> lines_of_proxy;
  };
  std::deque<Known> known_;
  std::int64_t lost_ = 0;
  std::int64_t lost_before_ = 0;  // before the proxy was started anew
};

}  // namespace auspex::telemetry
