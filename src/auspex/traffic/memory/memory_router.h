#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/traffic/router.h"

namespace auspex::traffic {

// One or several proxies that are only remembered, for tests and simulation: their weights are
// exact, or multiples of a step. It never waits, so it has no use for a deadline; an evicted
// canary's requests are cut at once.
//
// Registered as "memory", with the keys `backend` (default: the service's name), `servers` (two
// names, default `[a, b]`; the first has all requests at the start) and `step` (a share, default
// 0.01%).
//
// Thread-safe.
class MemoryRouter final : public Router {
 public:
  // `step_bp`: every weight given is a multiple of it, or the whole; clamped to [1, 5'000].
  // `proxies`: at least one; one is named "memory", several "memory 1", "memory 2" …
  explicit MemoryRouter(std::int32_t step_bp = 1, std::size_t proxies = 1);

  Result<Weight> Apply(const Route& route, Weight weight, MonotonicTime deadline) override;
  Result<RouteView> Observe(const Route& route, MonotonicTime deadline) override;
  Status Evict(const Route& route, MonotonicTime deadline) override;
  Status Admit(const Route& route, MonotonicTime deadline) override;
  [[nodiscard]] Weight Nearest(Weight weight) const override;

  // What follows concerns one proxy, or every one where none is named. Precondition: it exists.
  using Which = std::optional<std::size_t>;
  // Makes (or replaces) a backend of the two servers of `route`, as a proxy's file would: `start`
  // is what the canary has now and again after Restart().
  void AddRoute(const Route& route, Weight start = Weight::Zero());
  // What Observe will say of a server. Error: kNotFound.
  Status SetServer(std::string_view backend, std::string_view server, bool up,
                   std::int64_t in_flight, std::int64_t requests_total, Which which = {});
  // All calls fail with kUnavailable and this reason until it is set to empty.
  void SetUnavailable(const std::string& reason, Which which = {});
  // What Observe will say of how requests are drawn.
  void SetDraw(Draw draw, const std::string& note, Which which = {});
  // As if the proxy had been started again: the weights of AddRoute, no requests, no maintenance.
  void Restart(Which which = {});

 private:
  struct Server {
    ServerView now;
    Weight start;
  };
  using Backend = std::map<std::string, Server, std::less<>>;
  struct Proxy {
    std::string name;
    std::map<std::string, Backend, std::less<>> backends;
    std::string unavailable;
    Draw draw = Draw::kRandom;
    std::string draw_note = {};
  };

  // `change(backend)` at every proxy that can.
  template <typename Change>
  Status ChangeAll(const Route& route, const Change& change);
  static Result<Backend*> Find(const Route& route, Proxy* proxy);
  template <typename Change>
  void ForEach(Which which, const Change& change) AUSPEX_REQUIRES(mutex_);

  const std::int32_t step_bp_;
  Mutex mutex_;
  std::vector<Proxy> proxies_ AUSPEX_GUARDED_BY(mutex_);
};

void RegisterMemoryRouter(RouterRegistry& registry);

}  // namespace auspex::traffic
