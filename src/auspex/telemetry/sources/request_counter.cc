#include "auspex/telemetry/sources/request_counter.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/telemetry/sources/proxy_table.h"
#include "auspex/telemetry/sources/route_table.h"
#include "auspex/telemetry/sources/server_counts.h"

namespace auspex::telemetry {
namespace {

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

// Of names that the log tells, so that they are bounded; a proxy with more servers is a large one.
constexpr std::size_t kMostHeard = 4096;

}  // namespace

struct RequestCounter::Impl {
  const Limits limits;
  mutable Mutex mutex;
  std::unordered_map<ServerKey, ServerCounts, KeyHash, KeyEqual> servers AUSPEX_GUARDED_BY(mutex);
  // Lines of every server, also of those that nobody tracks.
  std::unordered_map<ServerKey, std::int64_t, KeyHash, KeyEqual> heard AUSPEX_GUARDED_BY(mutex);
  TextMap<std::vector<ServerCounts*>> by_name
      AUSPEX_GUARDED_BY(mutex);                   // nodes of `servers` do not move
  std::size_t kept AUSPEX_GUARDED_BY(mutex) = 0;  // records of all servers
  ProxyTable proxies AUSPEX_GUARDED_BY(mutex);
  std::int64_t last_arrival_us AUSPEX_GUARDED_BY(mutex) = 0;
  FeedHealth health AUSPEX_GUARDED_BY(mutex);

  explicit Impl(const Limits& l) : limits(l) {}

  ServerCounts* Find(const ServerKey& key) AUSPEX_REQUIRES(mutex) {
    const auto found = servers.find(key);
    return found == servers.end() ? nullptr : &found->second;
  }

  ServerCounts* Match(const ProxyLogLine& line) AUSPEX_REQUIRES(mutex) {
    if (!line.backend.empty()) {
      const auto found = servers.find(KeyView{line.backend, line.server});
      return found == servers.end() ? nullptr : &found->second;
    }
    const auto found = by_name.find(line.server);
    const bool one = found != by_name.end() && found->second.size() == 1;
    return one ? found->second.front() : nullptr;
  }

  void Hear(const ProxyLogLine& line) AUSPEX_REQUIRES(mutex) {
    const auto found = heard.find(KeyView{line.backend, line.server});
    if (found != heard.end()) {
      ++found->second;
    } else if (heard.size() < kMostHeard) {
      heard.emplace(ServerKey{std::string(line.backend), std::string(line.server)}, 1);
    }
  }

  // Whatever `change` does to a server's records, the sum over all stays right.
  template <typename Change>
  void Keeping(ServerCounts& server, Change change) AUSPEX_REQUIRES(mutex) {
    kept -= server.kept();
    change();
    kept += server.kept();
  }

  // Our clock was set back: what is kept ended, by the clock we had, in its future.
  void FollowOurClock(std::int64_t arrived_us) AUSPEX_REQUIRES(mutex) {
    if (arrived_us < last_arrival_us) {
      for (auto& [key, server] : servers)
        Keeping(server, [&server = server, arrived_us] { server.FoldAfter(arrived_us); });
    }
    last_arrival_us = arrived_us;
  }

  void Count(ServerCounts& server, const ProxyLogLine& line, std::int64_t end_us)
      AUSPEX_REQUIRES(mutex) {
    Keeping(server, [&] {
      if (server.kept() >= limits.records_of_server) server.FoldOlderHalf();
      server.Add(line, end_us);
    });
    if (kept > limits.records) Keeping(server, [&] { server.FoldOlderHalf(); });
  }
};

RequestCounter::RequestCounter() : RequestCounter(Limits{}) {}
RequestCounter::RequestCounter(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestCounter::~RequestCounter() = default;

void RequestCounter::Add(const ProxyLogLine& line, std::optional<WallTime> arrived) {
  const std::int64_t arrived_us =
      arrived ? std::max<std::int64_t>(MicrosSinceEpoch(*arrived), 0) : -1;
  const std::int64_t end_us = arrived ? std::min(line.end_us, arrived_us) : line.end_us;
  const MutexLock lock(impl_->mutex);
  ++impl_->health.lines;
  if (end_us >= 0) impl_->health.last_line = FromMicros(end_us);
  if (arrived) impl_->FollowOurClock(arrived_us);
  if (!impl_->proxies.Add(line, arrived_us) || line.server.empty()) return;
  impl_->Hear(line);
  if (ServerCounts* const server = impl_->Match(line)) {
    impl_->Count(*server, line, end_us);
  } else {
    ++impl_->health.unmatched;
  }
}

void RequestCounter::AddMalformed(std::int64_t count) {
  const MutexLock lock(impl_->mutex);
  impl_->health.malformed += count;
}

void RequestCounter::AddDropped(std::int64_t count) {
  const MutexLock lock(impl_->mutex);
  impl_->health.dropped += count;
}

void RequestCounter::SetBuffer(std::int64_t granted, std::int64_t wanted) {
  const MutexLock lock(impl_->mutex);
  impl_->health.buffer_bytes = granted;
  impl_->health.buffer_wanted_bytes = wanted;
}

void RequestCounter::SetConnections(std::size_t connections) {
  const MutexLock lock(impl_->mutex);
  impl_->health.connected = connections > 0;
}

void RequestCounter::Track(const ServerKey& server) {
  const MutexLock lock(impl_->mutex);
  const auto [entry, added] = impl_->servers.try_emplace(server);
  if (added) impl_->by_name[server.server].push_back(&entry->second);
}

void RequestCounter::Forget(const ServerKey& server) {
  const MutexLock lock(impl_->mutex);
  const auto found = impl_->servers.find(server);
  if (found == impl_->servers.end()) return;
  const auto named = impl_->by_name.find(server.server);
  std::erase(named->second, &found->second);
  impl_->kept -= found->second.kept();
  if (named->second.empty()) impl_->by_name.erase(named);
  impl_->servers.erase(found);
}

void RequestCounter::SetEdges(const ServerKey& server, const Edges& edges) {
  const MutexLock lock(impl_->mutex);
  if (ServerCounts* const found = impl_->Find(server)) found->set_edges(edges);
}

ServerTick RequestCounter::Take(const ServerKey& server, std::optional<WallTime> until) {
  const MutexLock lock(impl_->mutex);
  ServerCounts* const found = impl_->Find(server);
  if (found == nullptr) return {};
  constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
  // Ends are >= -1, so an earlier boundary than 1970 takes nothing; 0 keeps differences in range.
  const std::int64_t until_us = until ? std::max<std::int64_t>(MicrosSinceEpoch(*until), 0) : kAll;
  ServerTick tick;
  impl_->Keeping(*found, [&] { tick = found->Take(until_us); });
  return tick;
}

std::int64_t RequestCounter::LinesOf(const ServerKey& server) const {
  const MutexLock lock(impl_->mutex);
  const ServerCounts* const found = impl_->Find(server);
  return found == nullptr ? 0 : found->lines();
}

std::int64_t RequestCounter::LinesHeard(const ServerKey& server) const {
  const MutexLock lock(impl_->mutex);
  const auto of = [this](const KeyView& key) AUSPEX_REQUIRES(impl_->mutex) {
    const auto found = impl_->heard.find(key);
    return found == impl_->heard.end() ? std::int64_t{0} : found->second;
  };
  // A line need not name its backend.
  return of({server.backend, server.server}) + of({"", server.server});
}

std::int64_t RequestCounter::LinesFrom(std::string_view host, std::int64_t process) const {
  const MutexLock lock(impl_->mutex);
  return impl_->proxies.LinesFrom(host, process);
}

FeedHealth RequestCounter::Health() const {
  const MutexLock lock(impl_->mutex);
  FeedHealth health = impl_->health;
  health.missing = impl_->proxies.missing();
  health.duplicates = impl_->proxies.duplicates();
  health.early = impl_->proxies.early();
  health.clock_offset = std::chrono::microseconds(impl_->proxies.clock_offset_us());
  return health;
}

}  // namespace auspex::telemetry
