#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/registry.h"
#include "auspex/base/result.h"
#include "auspex/base/weight.h"
#include "auspex/traffic/route_view.h"

// traffic moves requests; it decides nothing. A Router puts a share of a service's requests on the
// canary and reports what the proxies really do.
//
//   AUSPEX_TRY(const auto router, routers.Create("haproxy", config));
//   AUSPEX_TRY(const auto weight, Weight::FromBp(500));  // 5 %
//   AUSPEX_TRY(const Weight given, router->Apply(route, weight, clock.Now() + 2s));
//
// Read next: base/weight.h (the unit), route_view.h (what is seen), traffic/*/ (implementations),
// register_routers.h (the list), tests/contract/router_contract_test.cc (what each implementation
// promises).
namespace auspex::traffic {

// The two slots of a service at the proxy, by the proxy's names.
struct Route {
  std::string backend;
  std::string baseline;
  std::string canary;
  friend bool operator==(const Route&, const Route&) = default;
};

// Thread-safe: all calls may run at once from several threads.
class Router {
 public:
  virtual ~Router() = default;
  // Returns the weight given, once every proxy of the service confirms it. Where the router cannot
  // give `weight` exactly it gives the nearest it can, and for any weight above 0 at least its
  // smallest step; 0 and the whole are always exact. Idempotent: asking for the weight that is
  // already there succeeds. Where one of several proxies fails, the others are set all the same and
  // the error names those that failed. Errors: kNotFound (no such backend or server);
  // kInvalidArgument (names that no proxy has, or the proxy refused, with its text);
  // kPermissionDenied (it does not let us); kUnavailable (no answer by `deadline`, so it may or may
  // not have taken effect: Observe before deciding).
  virtual Result<Weight> Apply(const Route& route, Weight weight, MonotonicTime deadline) = 0;
  // What the proxies do now, not what was last asked of them. Succeeds where one of them answers:
  // ask WhoDisobeys() of the rest, and WhoDraws() whether each request is drawn at random. Errors
  // as Apply.
  virtual Result<RouteView> Observe(const Route& route, MonotonicTime deadline) = 0;
  // For a canary that is proven bad: gives it the weight 0 and ends what a weight leaves it, so
  // that no client is sent there any more, whatever bound it (a cookie), and no connection stays
  // open. Requests that it has may end for a moment, which the adapter names. It lasts, whatever is
  // applied, until Admit or a restart of the proxy. Idempotent. Errors as Apply; kUnavailable also
  // where the baseline is down: then its clients have nobody else, and only the weight is taken.
  virtual Status Evict(const Route& route, MonotonicTime deadline) = 0;
  // Before a slot gets traffic: ends Evict or a person's maintenance, at weight 0; one that is
  // checked is down until a check passes. Changes nothing at one in service. Idempotent. As Apply.
  virtual Status Admit(const Route& route, MonotonicTime deadline) = 0;
  // What Apply would give. Pure.
  [[nodiscard]] virtual Weight Nearest(Weight weight) const = 0;
};

// What an adapter is made from: the service's `traffic` section, as written. An adapter's error
// about one key begins with it ("timeout: …"), so that the reader of the file can name the place.
struct RouterConfig {
  std::string service;
  std::map<std::string, std::string> keys;
  std::map<std::string, std::vector<std::string>> lists = {};  // keys whose value is a list
};

using RouterRegistry = Registry<Router, const RouterConfig&>;

}  // namespace auspex::traffic
