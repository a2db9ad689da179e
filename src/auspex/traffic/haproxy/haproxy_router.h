#pragma once

#include <condition_variable>
#include <mutex>
#include <string_view>
#include <vector>

#include "auspex/base/thread_annotations.h"
#include "auspex/traffic/haproxy/runtime_answers.h"
#include "auspex/traffic/haproxy/runtime_socket.h"
#include "auspex/traffic/haproxy/weight_pair.h"
#include "auspex/traffic/router.h"

namespace auspex::traffic {

// Steers HAProxy (2.6) by the weights of two servers of a backend, over its runtime socket, which
// must be of `level admin`. Registered as "haproxy", with the keys
//   socket   path, unix@PATH or ipv4@ADDRESS:PORT; a relative path is from the working folder
//   timeout  the most that one call takes, whatever its deadline; default 2s
//
// - Weights are whole numbers to 256, so a share is given in steps of 10 to 39 bp (weight_pair.h).
// - No other server of the backend may have a weight above 0 (backup servers may): the shares would
//   be of a part of the requests. Weight 0 is given in spite of one, so that it stops no rollback.
// - A server that is down or in maintenance keeps its weight and so its share here; `up` says it.
// - `requests_total` counts requests handed to the server, also many on one connection, and one
//   again for each retry on another server.
// - A restart or reload of HAProxy brings back the weights of its file.
// - `weight 0` keeps clients that a cookie binds to the server (`cookie` in the backend).
class HaproxyRouter final : public Router {
 public:
  static constexpr Duration kDefaultTimeout = 2s;

  HaproxyRouter(RuntimeSocket socket, Duration timeout);

  // Also kInvalidArgument: a static balance algorithm, another server with a weight.
  // kPermissionDenied: the socket's level or mode.
  Result<Weight> Apply(const Route& route, Weight weight, MonotonicTime deadline) override;
  Result<RouteView> Observe(const Route& route, MonotonicTime deadline) override;
  [[nodiscard]] Weight Nearest(Weight weight) const override;

 private:
  struct Servers {
    ServerState canary;
    ServerState baseline;
    std::vector<ServerState> others;
  };

  // Errors as Apply; the caller has the turn.
  Result<Weight> Change(const Route& route, Weight weight, MonotonicTime deadline) const;
  bool TakeTurn(MonotonicTime deadline);  // false: `deadline` came first
  void EndTurn();
  Result<Servers> ReadServers(const Route& route, MonotonicTime deadline) const;
  Result<std::vector<ServerStat>> ReadStats(const Servers& servers, MonotonicTime deadline) const;
  // Error: kInvalidArgument if a server that is not of the route has a weight and is no backup.
  Status RefuseOthers(const Route& route, const Servers& servers, MonotonicTime deadline) const;
  Status Set(const Route& route, const WeightChange& change, MonotonicTime deadline) const;
  Status Reach(const Route& route, const WeightPair& from, const WeightPair& to,
               MonotonicTime deadline) const;
  [[nodiscard]] MonotonicTime Bounded(MonotonicTime deadline) const;

  const RuntimeSocket socket_;
  const Duration timeout_;
  // One change at a time: two that interleave could leave both servers at weight 0. Not a
  // timed_mutex, which g++ 12's ThreadSanitizer misreads (it does not know
  // pthread_mutex_clocklock).
  std::mutex mutex_;
  std::condition_variable changed_;
  bool changing_ AUSPEX_GUARDED_BY(mutex_) = false;
};

void RegisterHaproxyRouter(RouterRegistry& registry);

}  // namespace auspex::traffic
