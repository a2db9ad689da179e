#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "auspex/base/clock.h"
#include "auspex/base/registry.h"
#include "auspex/base/result.h"
#include "auspex/base/weight.h"

// traffic moves requests; it decides nothing. A Router puts a share of a service's requests on the
// canary and reports what the proxies really do.
//
//   AUSPEX_TRY(const auto router, routers.Create("haproxy", {.service = "checkout", .keys =
//   keys})); AUSPEX_TRY(const auto weight, Weight::FromBp(500));  // 5 % AUSPEX_TRY(const Weight
//   given, router->Apply(route, weight, clock.Now() + 2s));
//
// Read next: base/weight.h (the unit), traffic/*/ (implementations), register_routers.h (the list),
// tests/contract/router_contract_test.cc (what each implementation promises).
namespace auspex::traffic {

// The two slots of a service at the proxy, by the proxy's names.
struct Route {
  std::string backend;
  std::string baseline;
  std::string canary;
  friend bool operator==(const Route&, const Route&) = default;
};

struct ServerView {
  Weight share;                     // of the backend's requests, by the proxy's weights
  bool up = true;                   // what the proxy's health check says
  std::int64_t in_flight = 0;       // requests that the server was sent and has not ended
  std::int64_t requests_total = 0;  // requests that the server was sent, since the proxy started
};

struct RouteView {
  Weight weight;  // the canary's share
  ServerView canary;
  ServerView baseline;  // its share is the rest, or 0 where the proxy sends nobody anywhere
};

// Thread-safe: all calls may run at once from several threads.
class Router {
 public:
  virtual ~Router() = default;
  // Returns the weight given, once the proxy confirms it. Where the router cannot give `weight`
  // exactly it gives the nearest it can, and for any weight above 0 at least its smallest step; 0
  // and the whole are always exact. Idempotent: asking for the weight that is already there
  // succeeds. Errors: kNotFound (no such backend or server); kInvalidArgument (names that no proxy
  // has, or the proxy refused, with its text); kPermissionDenied (it does not let us);
  // kUnavailable (no answer by `deadline`, so it may or may not have taken effect: Observe before
  // deciding).
  virtual Result<Weight> Apply(const Route& route, Weight weight, MonotonicTime deadline) = 0;
  // What the proxy does now, not what was last asked of it. Errors as Apply.
  virtual Result<RouteView> Observe(const Route& route, MonotonicTime deadline) = 0;
  // What Apply would give. Pure.
  [[nodiscard]] virtual Weight Nearest(Weight weight) const = 0;
};

// What an adapter is made from: the keys of the service's `traffic` section, as written.
struct RouterConfig {
  std::string service;
  std::map<std::string, std::string> keys;
};

using RouterRegistry = Registry<Router, const RouterConfig&>;

}  // namespace auspex::traffic
