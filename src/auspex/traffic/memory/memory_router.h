#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "auspex/base/thread_annotations.h"
#include "auspex/traffic/router.h"

namespace auspex::traffic {

// A proxy that is only remembered, for tests and simulation: its weights are exact, or multiples of
// a step. It never waits, so it has no use for a deadline.
//
// Registered as "memory", with the keys `backend` (default: the service's name), `servers` (two
// names, default `a, b`; the first has all requests at the start) and `step` (a share, default
// 0.01%).
//
// Thread-safe.
class MemoryRouter final : public Router {
 public:
  // `step_bp`: every weight given is a multiple of it, or the whole; clamped to [1, 5'000].
  explicit MemoryRouter(std::int32_t step_bp = 1);

  Result<Weight> Apply(const Route& route, Weight weight, MonotonicTime deadline) override;
  Result<RouteView> Observe(const Route& route, MonotonicTime deadline) override;
  [[nodiscard]] Weight Nearest(Weight weight) const override;

  // Makes (or replaces) a backend of the two servers of `route`, as a proxy's file would: `start`
  // is what the canary has now and again after Restart().
  void AddRoute(const Route& route, Weight start = Weight::Zero());
  // What Observe will say of a server. Error: kNotFound.
  Status SetServer(std::string_view backend, std::string_view server, bool up,
                   std::int64_t in_flight, std::int64_t requests_total);
  // All calls fail with kUnavailable and this reason until it is set to empty.
  void SetUnavailable(std::string reason);
  // As if the proxy had been started again: the weights of AddRoute, no requests.
  void Restart();

 private:
  struct Server {
    ServerView now;
    Weight start;
  };
  using Backend = std::map<std::string, Server, std::less<>>;

  Result<Backend*> Find(const Route& route) AUSPEX_REQUIRES(mutex_);

  const std::int32_t step_bp_;
  std::mutex mutex_;
  std::map<std::string, Backend, std::less<>> backends_ AUSPEX_GUARDED_BY(mutex_);
  std::string unavailable_ AUSPEX_GUARDED_BY(mutex_);
};

void RegisterMemoryRouter(RouterRegistry& registry);

}  // namespace auspex::traffic
