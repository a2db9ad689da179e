#include "lab/faults.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lab/request_fates.h"
#include "service_thread.h"

namespace auspex::lab {
namespace {

constexpr std::int64_t kDraws = 20'000;

ServiceOptions With(Fault fault) {
  ServiceOptions options;
  options.fault = fault;
  options.seed = 7;
  options.cold_for = 0s;
  options.total_rps = 1000.0;
  return options;
}

struct Drawn {
  std::int64_t errors = 0;
  std::vector<double> latencies_s;
  [[nodiscard]] double Quantile(double q) {
    const auto at = latencies_s.begin() + static_cast<std::ptrdiff_t>(q * kDraws);
    std::nth_element(latencies_s.begin(), at, latencies_s.end());
    return *at;
  }
};

// kDraws requests to /cart, `apart` from each other.
Drawn Draw(RequestFates& fates, MonotonicTime from, Duration apart = 100us) {
  Drawn drawn;
  for (std::int64_t i = 0; i < kDraws; ++i) {
    const Fate fate = fates.Next(from + i * apart, 0);
    if (!fate.ok) ++drawn.errors;
    drawn.latencies_s.push_back(Seconds(fate.latency));
  }
  return drawn;
}

Drawn Draw(Fault fault) {
  RequestFates fates(With(fault));
  return Draw(fates, MonotonicTime{});
}

TEST(Faults, EveryNameIsReadBack) {
  for (const auto fault : {Fault::kNone, Fault::kErrors, Fault::kLatency, Fault::kTail,
                           Fault::kLeak, Fault::kCrash, Fault::kLoad, Fault::kDependency}) {
    EXPECT_EQ(ParseFault(Name(fault)), fault);
  }
  const auto unknown = ParseFault("gremlins");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(unknown.error().message.find("crash, load, dependency"), std::string::npos);
}

TEST(Faults, SharesOfTheRoutesSumToOne) {
  double sum = 0.0;
  for (const Route& route : kRoutes) sum += route.share;
  EXPECT_NEAR(sum, 1.0, 1e-12);
}

TEST(RequestFates, AHealthyServiceHasItsBaseRatesAndMedian) {
  auto drawn = Draw(Fault::kNone);
  ExpectBinomial(drawn.errors, kDraws, 0.01);
  EXPECT_NEAR(drawn.Quantile(0.5), 0.020, 0.001);
  EXPECT_NEAR(drawn.Quantile(0.8413), 0.020 * std::exp(0.5), 0.002);  // one sigma up
}

TEST(RequestFates, ErrorsAddTenPoints) {
  ExpectBinomial(Draw(Fault::kErrors).errors, kDraws, 0.11);
}

TEST(RequestFates, LatencyIsOnePointEightTimesAndNothingElseChanges) {
  const auto healthy = Draw(Fault::kNone);
  const auto slow = Draw(Fault::kLatency);
  EXPECT_EQ(slow.errors, healthy.errors);
  for (std::size_t i = 0; i < healthy.latencies_s.size(); ++i) {
    ASSERT_NEAR(slow.latencies_s[i], 1.8 * healthy.latencies_s[i], 1e-8);
  }
}

TEST(RequestFates, ATailIsEightTimesForEightPercent) {
  const auto healthy = Draw(Fault::kNone);
  const auto tail = Draw(Fault::kTail);
  EXPECT_EQ(tail.errors, healthy.errors);
  std::int64_t slow = 0;
  for (std::size_t i = 0; i < healthy.latencies_s.size(); ++i) {
    const double ratio = tail.latencies_s[i] / healthy.latencies_s[i];
    if (ratio > 2.0) {
      ++slow;
      ASSERT_NEAR(ratio, 8.0, 1e-4);
    }
  }
  ExpectBinomial(slow, kDraws, 0.08);
}

TEST(RequestFates, ACrashWaitsForTheFaultClock) {
  RequestFates fates(With(Fault::kCrash));
  const MonotonicTime start = MonotonicTime{} + 1h;
  ExpectBinomial(Draw(fates, MonotonicTime{}, 100ms).errors, kDraws, 0.01);  // 33 min, no clock
  fates.StartClock(start);
  ExpectBinomial(Draw(fates, start, 900us).errors, kDraws, 0.01);  // to 18 s
  fates.StartClock(start + 19s);                                   // changes nothing
  ExpectBinomial(Draw(fates, start + 20s).errors, kDraws, 0.60);
  ExpectBinomial(Draw(fates, start + 1h).errors, kDraws, 0.60);
}

TEST(RequestFates, ADependencyFailsFromFortyToSeventySeconds) {
  RequestFates fates(With(Fault::kDependency));
  const MonotonicTime start = MonotonicTime{} + 1h;
  fates.StartClock(start);
  ExpectBinomial(Draw(fates, start + 30s).errors, kDraws, 0.01);
  ExpectBinomial(Draw(fates, start + 40s, 1499us).errors, kDraws, 0.30);
  ExpectBinomial(Draw(fates, start + 70s).errors, kDraws, 0.01);
}

TEST(RequestFates, LoadHurtsFromThirtyPercentOfTheTrafficOn) {
  RequestFates fates(With(Fault::kLoad));
  // 250 of 1000 requests/s, evenly; then 400; then 250 again, once the estimate has followed.
  ExpectBinomial(Draw(fates, MonotonicTime{}, 4ms).errors, kDraws, 0.01);
  const MonotonicTime more = MonotonicTime{} + 200s;
  Draw(fates, more, 2500us);
  EXPECT_NEAR(fates.TrafficShare(more + 50s), 0.4, 0.01);
  ExpectBinomial(Draw(fates, more + 50s, 2500us).errors, kDraws, 0.20);
  Draw(fates, more + 100s, 4ms);
  ExpectBinomial(Draw(fates, more + 180s, 4ms).errors, kDraws, 0.01);
}

TEST(RequestFates, TheFirstSecondsOfServingAreSlower) {
  ServiceOptions options = With(Fault::kNone);
  options.latency_sigma = 0.0;
  options.cold_for = 3s;
  options.cold_factor = 1.3;
  RequestFates fates(options);
  const MonotonicTime first = MonotonicTime{} + 1h;  // long after the start
  EXPECT_EQ(fates.Next(first, 0).latency, 26ms);
  EXPECT_EQ(fates.Next(first + 2999ms, 0).latency, 26ms);
  EXPECT_EQ(fates.Next(first + 3s, 0).latency, 20ms);
}

TEST(RequestFates, EqualSeedsGiveEqualFates) {
  const auto a = Draw(Fault::kTail);
  const auto b = Draw(Fault::kTail);
  EXPECT_EQ(a.errors, b.errors);
  EXPECT_EQ(a.latencies_s, b.latencies_s);
}

}  // namespace
}  // namespace auspex::lab
