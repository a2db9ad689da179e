#include "auspex/telemetry/sources/request_counter.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "auspex/telemetry/sources/counter_gaps.h"

namespace auspex::telemetry {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;

// Lookups by std::string_view, without a std::string for each line.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};
template <typename Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

enum Flag : std::uint8_t {
  kSlower0 = 1,  // kSlower0 << i: slower than edge i
  kHarmed = 8,
  kFailed = 16,
  kHasEdges = 32,
};

// One request that was not taken yet.
struct Record {
  std::int64_t end_us;
  std::int64_t latency_us;
  std::uint16_t route;
  std::uint8_t flags;
};
static_assert(sizeof(Record) == 24);

std::uint8_t FlagsOf(const ProxyLogLine& line, const std::optional<Edges>& edges) {
  unsigned flags = line.error ? kFailed | kHarmed : 0U;
  if (edges) {
    flags |= kHasEdges;
    for (std::size_t i = 0; i < edges->slower_us.size(); ++i) {
      if (line.latency_us > edges->slower_us[i]) flags |= static_cast<unsigned>(kSlower0) << i;
    }
    if (line.latency_us > edges->harm_us) flags |= kHarmed;
  }
  return static_cast<std::uint8_t>(flags);
}

// The names of one server's routes, by small numbers, and what each has in the tick being summed.
class RouteTable {
 public:
  RouteTable() { slots_.push_back({std::string(kOtherRoutes), {}, 0}); }

  std::uint16_t IdOf(std::string_view name) {
    if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
    if (ids_.size() == kMaxRoutes) return kOther;
    std::uint16_t id = 0;
    if (free_.empty()) {
      id = static_cast<std::uint16_t>(slots_.size());
      slots_.emplace_back();
    } else {
      id = free_.back();
      free_.pop_back();
    }
    slots_[id].name = name;
    ids_.emplace(name, id);
    return id;
  }

  void Keep(std::uint16_t id) { ++slots_[id].kept; }
  // A kept request is summed.
  void Sum(std::uint16_t id, bool failed) {
    Slot& slot = slots_[id];
    --slot.kept;
    ++slot.sum.requests;
    slot.sum.errors += failed ? 1 : 0;
  }

  // The sums, which begin anew.
  std::map<std::string, RouteCounts> Take() {
    const bool full = ids_.size() == kMaxRoutes;
    std::map<std::string, RouteCounts> taken;
    for (std::size_t id = 0; id < slots_.size(); ++id) {
      Slot& slot = slots_[id];
      if (slot.sum.requests > 0) {
        RouteCounts& counts = taken[slot.name];  // a real route may be called "(other)"
        counts.requests += slot.sum.requests;
        counts.errors += slot.sum.errors;
        slot.sum = {};
      } else if (full && slot.kept == 0 && id != kOther && !slot.name.empty()) {
        ids_.erase(slot.name);
        slot.name.clear();
        free_.push_back(static_cast<std::uint16_t>(id));
      }
    }
    return taken;
  }

 private:
  static constexpr std::uint16_t kOther = 0;
  struct Slot {
    std::string name;  // empty: free
    RouteCounts sum;
    std::int64_t kept = 0;  // records that name this slot
  };
  std::vector<Slot> slots_;
  std::vector<std::uint16_t> free_;
  TextMap<std::uint16_t> ids_;
};

// One tracked server.
class Server {
 public:
  std::int64_t lines() const { return lines_; }
  void set_edges(const Edges& edges) { edges_ = edges; }

  void Add(const ProxyLogLine& line) {
    if (records_.size() == RequestCounter::kMaxRecords) FoldOlderHalf();
    ++lines_;
    const std::uint16_t route = routes_.IdOf(line.route);
    routes_.Keep(route);
    records_.push_back({line.end_us, line.latency_us, route, FlagsOf(line, edges_)});
  }

  ServerTick Take(std::int64_t until_us) {
    std::size_t kept = 0;
    for (const Record& record : records_) {
      if (record.end_us <= until_us || record.end_us - until_us > kHourUs) {
        Sum(record);
      } else {
        records_[kept++] = record;
      }
    }
    records_.resize(kept);
    ServerTick taken = std::exchange(sum_, {});
    taken.has_edges = edges_.has_value() && !std::exchange(summed_without_edges_, false);
    taken.routes = routes_.Take();
    return taken;
  }

 private:
  void Sum(const Record& record) {
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

  void FoldOlderHalf() {
    const auto middle = records_.begin() + static_cast<std::ptrdiff_t>(records_.size() / 2);
    std::nth_element(records_.begin(), middle, records_.end(),
                     [](const Record& a, const Record& b) { return a.end_us < b.end_us; });
    std::for_each(records_.begin(), middle, [this](const Record& record) { Sum(record); });
    records_.erase(records_.begin(), middle);
  }

  std::int64_t lines_ = 0;
  std::optional<Edges> edges_;
  std::vector<Record> records_;
  ServerTick sum_;  // folded, not yet taken; its routes are in routes_
  bool summed_without_edges_ = false;
  RouteTable routes_;
};

struct KeyView {
  std::string_view backend;
  std::string_view server;
};
KeyView ViewOf(const ServerKey& key) { return {key.backend, key.server}; }
KeyView ViewOf(const KeyView& key) { return key; }
struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(const auto& key) const {
    const KeyView view = ViewOf(key);
    return TextHash()(view.backend) * 31 + TextHash()(view.server);
  }
};
struct KeyEqual {
  using is_transparent = void;
  bool operator()(const auto& a, const auto& b) const {
    return ViewOf(a).backend == ViewOf(b).backend && ViewOf(a).server == ViewOf(b).server;
  }
};

}  // namespace

struct RequestCounter::Impl {
  mutable std::mutex mutex;  // guards all below
  std::unordered_map<ServerKey, Server, KeyHash, KeyEqual> servers;
  TextMap<std::vector<Server*>> by_name;               // nodes of `servers` do not move
  std::unordered_map<std::int64_t, CounterGaps> gaps;  // by process
  std::int64_t missing_before = 0;                     // of processes no longer followed
  FeedHealth health;

  Server* Find(const ServerKey& key) {
    const auto found = servers.find(key);
    return found == servers.end() ? nullptr : &found->second;
  }

  Server* Match(const ProxyLogLine& line) {
    if (!line.backend.empty()) {
      const auto found = servers.find(KeyView{line.backend, line.server});
      return found == servers.end() ? nullptr : &found->second;
    }
    const auto found = by_name.find(line.server);
    const bool one = found != by_name.end() && found->second.size() == 1;
    return one ? found->second.front() : nullptr;
  }

  void FollowCounter(const ProxyLogLine& line) {
    if (line.counter < 0 || line.end_us < 0) return;
    if (gaps.size() == kMaxProcesses && !gaps.contains(line.process)) {
      for (const auto& [process, gap] : gaps) missing_before += gap.missing();
      gaps.clear();
    }
    const std::int64_t start_us = line.end_us - std::max<std::int64_t>(line.latency_us, 0);
    gaps[line.process].Add({line.counter, start_us, line.end_us});
  }
};

RequestCounter::RequestCounter() : impl_(std::make_unique<Impl>()) {}
RequestCounter::~RequestCounter() = default;

void RequestCounter::Add(const ProxyLogLine& line) {
  const std::lock_guard lock(impl_->mutex);
  ++impl_->health.lines;
  if (line.end_us >= 0) impl_->health.last_line = FromMicros(line.end_us);
  impl_->FollowCounter(line);
  if (line.server.empty()) return;
  if (Server* const server = impl_->Match(line)) {
    server->Add(line);
  } else {
    ++impl_->health.unmatched;
  }
}

void RequestCounter::AddMalformed(std::int64_t count) {
  const std::lock_guard lock(impl_->mutex);
  impl_->health.malformed += count;
}

void RequestCounter::SetConnections(std::size_t connections) {
  const std::lock_guard lock(impl_->mutex);
  impl_->health.connected = connections > 0;
}

void RequestCounter::Track(const ServerKey& server) {
  const std::lock_guard lock(impl_->mutex);
  const auto [entry, added] = impl_->servers.try_emplace(server);
  if (added) impl_->by_name[server.server].push_back(&entry->second);
}

void RequestCounter::Forget(const ServerKey& server) {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->servers.find(server);
  if (found == impl_->servers.end()) return;
  const auto named = impl_->by_name.find(server.server);
  std::erase(named->second, &found->second);
  if (named->second.empty()) impl_->by_name.erase(named);
  impl_->servers.erase(found);
}

void RequestCounter::SetEdges(const ServerKey& server, const Edges& edges) {
  const std::lock_guard lock(impl_->mutex);
  if (Server* const found = impl_->Find(server)) found->set_edges(edges);
}

ServerTick RequestCounter::Take(const ServerKey& server, std::optional<WallTime> until) {
  const std::lock_guard lock(impl_->mutex);
  Server* const found = impl_->Find(server);
  if (found == nullptr) return {};
  constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
  // Ends are >= -1, so an earlier boundary than 1970 takes nothing; 0 keeps differences in range.
  return found->Take(until ? std::max<std::int64_t>(MicrosSinceEpoch(*until), 0) : kAll);
}

std::int64_t RequestCounter::LinesOf(const ServerKey& server) const {
  const std::lock_guard lock(impl_->mutex);
  const Server* const found = impl_->Find(server);
  return found == nullptr ? 0 : found->lines();
}

FeedHealth RequestCounter::Health() const {
  const std::lock_guard lock(impl_->mutex);
  FeedHealth health = impl_->health;
  health.missing = impl_->missing_before;
  for (const auto& [process, gaps] : impl_->gaps) health.missing += gaps.missing();
  return health;
}

}  // namespace auspex::telemetry
