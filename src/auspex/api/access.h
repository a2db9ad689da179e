#pragma once

#include <memory>

#include "auspex/api/gate.h"
#include "auspex/api/rate_limiter.h"
#include "auspex/api/tokens.h"
#include "auspex/base/clock.h"

namespace auspex::api {

// The gate of a daemon: `Authorization: Bearer` and rates.
//
// A call with a token that is not known, or with other credentials, is 401 at once. One without any
// goes on as nobody (routes.h then asks for a role). Too many of one token, or without a token of
// one peer (its address; of IPv6 the /64, since a host has that many), are 429 with Retry-After.
// Where there are no tokens, everybody is admin, and each peer has its rate.
class Access final : public Gate {
 public:
  // Both outlive it. `tokens` null: none are asked for.
  Access(const TokenStore* tokens, const RateLimits& limits, const Clock* clock);
  std::optional<HttpReply> Admit(HttpCall* call) override;
  [[nodiscard]] bool AsksForTokens() const override { return tokens_ != nullptr; }
  [[nodiscard]] bool StillAdmits(const Caller& caller) const override;

 private:
  const TokenStore* tokens_;
  const Clock* clock_;
  RateLimiter limiter_;
};

}  // namespace auspex::api
