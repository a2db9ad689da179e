#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/base/weight.h"

// What the proxies of a service do with its two slots. Values, and pure functions of them.
namespace auspex::traffic {

struct ServerView {
  Weight share;                     // of the backend's requests, by the proxy's weights
  bool up = true;                   // what the proxy's health check says; false in maintenance
  bool maintenance = false;         // set aside, by Router::Evict or by a person
  std::int64_t in_flight = 0;       // requests that the server was sent and has not ended
  std::int64_t requests_total = 0;  // requests that the server was sent, since the proxy started
};

// One proxy, by its own words.
struct ProxyView {
  std::string name;  // where it is reached
  std::optional<Error>
      error;  // no usable answer came: why, naming the proxy; then the rest is void
  ServerView canary;
  ServerView baseline;  // its share is the rest, or 0 where the proxy sends nobody anywhere
};

// All proxies of a service, taken together over those that answered.
struct RouteView {
  Weight weight;      // the canary's share; where proxies differ, the largest
  ServerView canary;  // up where any proxy says so, in maintenance where any does; counts are sums
  ServerView baseline;  // likewise
  std::vector<ProxyView>
      proxies;  // each proxy there is, in the configuration's order; at least one
};

// Error where no proxy answered: that of the only proxy, or of several their common code (else
// kUnavailable) with all texts. Precondition: at least one proxy.
[[nodiscard]] Result<RouteView> Combine(std::vector<ProxyView> proxies);

// What is wrong at which proxy, if `wanted` is to be the canary's weight at all of them: "the proxy
// at /run/b.sock has the weight 0% instead of 4.83%", or its error. Joined by "; "; empty: all
// obey.
[[nodiscard]] std::string WhoDisobeys(const RouteView& view, Weight wanted);

}  // namespace auspex::traffic
