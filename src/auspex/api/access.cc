#include "auspex/api/access.h"

#include <arpa/inet.h>
#include <fmt/ranges.h>

#include <cmath>
#include <string>
#include <utility>

#include "auspex/api/problem.h"

namespace auspex::api {
namespace {

// "192.0.2.1:51034" to "192.0.2.1", "[2001:db8::1]:51034" to its first 64 bits. An IPv4 address
// that came in over IPv6 is one of IPv4.
std::string PeerKey(std::string_view peer) {
  const std::string address(peer.substr(0, peer.rfind(':')));
  in6_addr bits{};
  const bool v6 = address.size() > 2 && address.front() == '[' &&
                  ::inet_pton(AF_INET6, address.substr(1, address.size() - 2).c_str(), &bits) == 1;
  if (!v6) return "peer " + address;
  const std::uint8_t* bytes = bits.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&bits)) {
    return fmt::format("peer {}", fmt::join(bytes + 12, bytes + 16, "."));
  }
  return fmt::format("peer {:02x}", fmt::join(bytes, bytes + 8, ""));
}

std::optional<std::string_view> BearerOf(std::string_view credentials) {
  constexpr std::string_view kScheme = "bearer ";
  if (credentials.size() <= kScheme.size()) return std::nullopt;
  const CaseInsensitiveLess less;
  const std::string_view scheme = credentials.substr(0, kScheme.size());
  if (less(scheme, kScheme) || less(kScheme, scheme)) return std::nullopt;
  return credentials.substr(kScheme.size());
}

HttpReply TooMany(Duration wait) {
  HttpReply refusal = Problem(429, "too many requests; the header Retry-After says when to go on");
  const auto seconds = static_cast<std::int64_t>(std::ceil(Seconds(wait)));
  refusal.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(1, seconds)));
  return refusal;
}

}  // namespace

Access::Access(const TokenStore* tokens, const RateLimits& limits, const Clock* clock)
    : tokens_(tokens), clock_(clock), limiter_(limits) {}

std::optional<HttpReply> Access::Admit(HttpCall* call) {
  if (tokens_ == nullptr) {
    call->caller = {.name = "", .role = Role::kAdmin, .token = {}};
    const Duration wait = limiter_.Take(PeerKey(call->peer), clock_->Now());
    return wait > Duration::zero() ? std::optional(TooMany(wait)) : std::nullopt;
  }
  const bool shown = call->headers.count("Authorization") > 0;
  const bool once = call->headers.count("Authorization") == 1;
  std::optional<Caller> caller;
  std::optional<WallTime> expired;
  if (once) {
    const WallTime now = clock_->Wall();
    const auto bearer = BearerOf(*call->Header("Authorization"));
    if (bearer) caller = tokens_->Identify(*bearer, now);
    if (bearer && !caller) expired = tokens_->ExpiredAt(*bearer, now);
  }
  call->headers.erase("Authorization");
  // Who shows a wrong token is counted as a peer, so that guessing has a rate as well.
  const std::string key = caller ? "token " + caller->name : PeerKey(call->peer);
  const Duration wait = limiter_.Take(key, clock_->Now());
  if (wait > Duration::zero()) return TooMany(wait);
  if (expired) {
    return AskForToken(fmt::format(
        "this token expired at {}; `auspex token revoke` and `auspex token create` make a new one",
        ToRfc3339(*expired)));
  }
  if (shown && !caller) {
    return AskForToken(
        "this token is not known here, or is revoked; the server wants `Authorization: Bearer "
        "TOKEN` with one that `auspex token create` printed");
  }
  call->caller = caller ? *std::move(caller) : Caller{};
  return std::nullopt;
}

bool Access::StillAdmits(const Caller& caller) const {
  return tokens_ == nullptr || tokens_->Knows(caller, clock_->Wall());
}

}  // namespace auspex::api
