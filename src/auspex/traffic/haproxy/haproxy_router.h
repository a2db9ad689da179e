#pragma once

#include <condition_variable>
#include <cstddef>
#include <string>
#include <vector>

#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/traffic/haproxy/haproxy_proxy.h"
#include "auspex/traffic/haproxy/runtime_socket.h"
#include "auspex/traffic/router.h"

namespace auspex::traffic {

// Steers HAProxy (2.6), one or several of the same service, by the weights of two servers of a
// backend, over the runtime socket of each, which must be of `level admin`. Registered as
// "haproxy", with the keys
//   socket   path, unix@PATH or ipv4@ADDRESS:PORT; a relative path is from the working folder
//   sockets  a list of them, one for each HAProxy of the service; instead of `socket`
//   timeout  the most that one call takes, whatever its deadline, without `drain`; default 2s
//   drain    how long requests of an evicted canary may end before they are cut; default 500ms
//
// - Weights are whole numbers to 256, so a share is given in steps of 10 to 39 bp (weight_pair.h).
// - No other server of the backend may have a weight above 0 (backup servers may): the shares would
//   be of a part of the requests. Weight 0 is given in spite of one, so that it stops no rollback.
// - A server that is down or in maintenance keeps its weight and so its share here; `up` says it.
// - `requests_total` counts requests handed to the server, also many on one connection, and one
//   again for each retry on another server.
// - A restart or reload of HAProxy brings back the weights of its file, and ends maintenance.
// - `weight 0` keeps clients that a cookie binds to the server (`cookie` in the backend); Evict
//   sets `state maint`, which sends them to the baseline.
// - Requests must be drawn at random: Observe says by `draw` where `balance` is another than
// random.
//   Whether it is random(1) HAProxy tells nobody; `random` alone means random(2), which draws two
//   servers and takes the less busy one, so a slow canary gets less than its share.
// - All proxies are asked at once: one that does not answer takes no time from the others.
class HaproxyRouter final : public Router {
 public:
  static constexpr Duration kDefaultTimeout = 2s;
  static constexpr Duration kDefaultDrain = 500ms;
  static constexpr std::size_t kMostProxies = 16;

  // One to kMostProxies sockets.
  HaproxyRouter(std::vector<RuntimeSocket> sockets, Duration timeout,
                Duration drain = kDefaultDrain);

  // Also kInvalidArgument: a static balance algorithm, another server with a weight.
  // kPermissionDenied: the socket's level or mode.
  Result<Weight> Apply(const Route& route, Weight weight, MonotonicTime deadline) override;
  Result<RouteView> Observe(const Route& route, MonotonicTime deadline) override;
  Status Evict(const Route& route, MonotonicTime deadline) override;
  Status Admit(const Route& route, MonotonicTime deadline) override;
  [[nodiscard]] Weight Nearest(Weight weight) const override;

 private:
  // `change(proxy)` at every proxy, in this router's turn. `what`: "take the weight 5%".
  template <typename Change>
  Status ChangeAll(const Route& route, std::string_view what, MonotonicTime deadline,
                   const Change& change);
  bool TakeTurn(MonotonicTime deadline);  // false: `deadline` came first
  void EndTurn();
  [[nodiscard]] MonotonicTime Bounded(MonotonicTime deadline, Duration more = {}) const;

  const std::vector<HaproxyProxy> proxies_;
  const Duration timeout_;
  const Duration drain_;
  // One change at a time: two that interleave could leave the proxies with different weights. Not a
  // timed_mutex, which g++ 12's ThreadSanitizer misreads (it does not know
  // pthread_mutex_clocklock).
  Mutex mutex_;
  std::condition_variable changed_;
  bool changing_ AUSPEX_GUARDED_BY(mutex_) = false;
};

// What the backend of a service needs, to paste into haproxy.cfg; each line ends.
[[nodiscard]] std::string HaproxyBackendLines();

void RegisterHaproxyRouter(RouterRegistry& registry);

}  // namespace auspex::traffic
