#include "auspex/telemetry/sources/server_counts.h"

#include <algorithm>
#include <utility>

namespace auspex::telemetry {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;
// A vector this much larger than what it lately held gives its memory back.
constexpr std::size_t kSlack = 4;
constexpr std::size_t kLeastCapacity = 64;

static_assert(kEdges == 4, "each edge has a bit");
enum Flag : std::uint8_t {
  kSlower0 = 1,  // kSlower0 << i: slower than edge i
  kHarmed = 16,
  kFailed = 32,
  kHasEdges = 64,
};

std::uint8_t FlagsOf(const ProxyLogLine& line, const std::optional<Edges>& edges) {
  unsigned flags = line.error ? kFailed | kHarmed : 0U;
  if (edges) {
    flags |= kHasEdges;
    for (std::size_t i = 0; i < edges->slower_us.size(); ++i) {
      const std::int64_t edge = edges->slower_us[i];
      if (edge > 0 && line.latency_us > edge) flags |= static_cast<unsigned>(kSlower0) << i;
    }
    if (line.latency_us > edges->harm_us) flags |= kHarmed;
  }
  return static_cast<std::uint8_t>(flags);
}

}  // namespace

void ServerCounts::Add(const ProxyLogLine& line, std::int64_t end_us) {
  ++lines_;
  const std::uint16_t route = routes_.IdOf(line.route);
  routes_.Keep(route);
  records_.push_back({end_us, line.latency_us, route, FlagsOf(line, edges_)});
}

ServerTick ServerCounts::Take(std::int64_t until_us) {
  const std::size_t held = records_.size();
  SumWhere([until_us](const Record& record) {
    return record.end_us <= until_us || record.end_us - until_us > kHourUs;
  });
  if (records_.capacity() > kSlack * held + kLeastCapacity) records_.shrink_to_fit();
  ServerTick taken = std::exchange(sum_, {});
  taken.has_edges = edges_.has_value() && !std::exchange(summed_without_edges_, false);
  taken.routes = routes_.Take();
  return taken;
}

void ServerCounts::FoldOlderHalf() {
  const auto middle = records_.begin() + static_cast<std::ptrdiff_t>((records_.size() + 1) / 2);
  std::nth_element(records_.begin(), middle, records_.end(),
                   [](const Record& a, const Record& b) { return a.end_us < b.end_us; });
  std::for_each(records_.begin(), middle, [this](const Record& record) { Sum(record); });
  records_.erase(records_.begin(), middle);
}

void ServerCounts::FoldAfter(std::int64_t end_us) {
  SumWhere([end_us](const Record& record) { return record.end_us > end_us; });
}

template <typename Due>
void ServerCounts::SumWhere(Due due) {
  std::size_t kept = 0;
  for (const Record& record : records_) {
    if (due(record)) {
      Sum(record);
    } else {
      records_[kept++] = record;
    }
  }
  records_.resize(kept);
}

void ServerCounts::Sum(const Record& record) {
  const bool failed = (record.flags & kFailed) != 0;
  ++sum_.requests;
  sum_.errors += failed ? 1 : 0;
  sum_.harmed += (record.flags & kHarmed) != 0 ? 1 : 0;
  for (std::size_t i = 0; i < sum_.slower.size(); ++i) {
    sum_.slower[i] += (static_cast<unsigned>(record.flags) >> i) & 1U;
  }
  if ((record.flags & kHasEdges) == 0) summed_without_edges_ = true;
  if (record.latency_us >= 0) sum_.latency_us.Add(static_cast<double>(record.latency_us));
  routes_.Sum(record.route, failed);
}

}  // namespace auspex::telemetry
