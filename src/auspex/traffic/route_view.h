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
  bool up = true;                   // what the proxy's health check says; false while set aside
  bool maintenance = false;         // set aside, by Router::Evict or by a person
  std::int64_t in_flight = 0;       // requests that the server was sent and has not ended
  std::int64_t requests_total = 0;  // requests that the server was sent, since the proxy started
  std::int64_t queued = 0;          // requests that wait at the proxy for this server
  std::int64_t most_in_flight = 0;  // that it is sent at a time; 0: no limit
};

// How a proxy picks a request's server. The evidence needs each request to be drawn at random by
// the weights, whatever it is and whatever came before it (docs/statistics.md §2): a fixed order,
// or a choice by the request or by load, gives the two versions mixes of their own.
enum class Draw { kRandom, kUnknown, kNotRandom };

// One proxy, by its own words.
struct ProxyView {
  std::string name;  // where it is reached
  std::optional<Error>
      error;  // no usable answer came: why, naming the proxy; then the rest is void
  ServerView canary;
  ServerView baseline;  // its share is the rest, or 0 where the proxy sends nobody anywhere
  Draw draw = Draw::kRandom;
  // Where it is not random or not known: what the proxy does, naming it, and how to mend it.
  std::string draw_note = {};
  // As its log lines name it, so that they can be told from those of the service's other proxies;
  // -1: not known, or not asked because there is no other.
  std::string host = {};
  std::int64_t process = -1;
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

// The notes of the proxies that answered and whose draw is `draw`, joined by "; ".
[[nodiscard]] std::string WhoDraws(const RouteView& view, Draw draw);

}  // namespace auspex::traffic
