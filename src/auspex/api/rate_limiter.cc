#include "auspex/api/rate_limiter.h"

#include <algorithm>

namespace auspex::api {
namespace {

constexpr std::string_view kShared = "";  // of the keys that have no bucket of their own

}  // namespace

Duration RateLimiter::Take(std::string_view key, MonotonicTime now) {
  Bucket& bucket = Find(key, now);
  bucket.tokens = TokensAt(bucket, now);
  bucket.at = now;
  if (bucket.tokens >= 1.0) {
    bucket.tokens -= 1.0;
    return Duration::zero();
  }
  return std::max<Duration>(Duration(1), FromSeconds((1.0 - bucket.tokens) / limits_.per_s));
}

RateLimiter::Bucket& RateLimiter::Find(std::string_view key, MonotonicTime now) {
  const auto found = buckets_.find(key);
  if (found != buckets_.end()) return found->second;
  if (buckets_.size() >= limits_.keys) ForgetFull(now);
  if (buckets_.size() >= limits_.keys) key = kShared;
  return buckets_.try_emplace(std::string(key), Bucket{limits_.burst, now}).first->second;
}

// A full bucket says no more than none. At most once a second: it looks at all.
void RateLimiter::ForgetFull(MonotonicTime now) {
  if (now - forgotten_at_ < 1s && forgotten_at_ != MonotonicTime{}) return;
  forgotten_at_ = now;
  std::erase_if(buckets_,
                [&](const auto& entry) { return TokensAt(entry.second, now) >= limits_.burst; });
}

double RateLimiter::TokensAt(const Bucket& bucket, MonotonicTime now) const {
  const double gained = std::max(0.0, Seconds(now - bucket.at)) * limits_.per_s;
  return std::min(limits_.burst, bucket.tokens + gained);
}

}  // namespace auspex::api
