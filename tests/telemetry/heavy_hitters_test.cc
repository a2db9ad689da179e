#include "auspex/telemetry/sources/heavy_hitters.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "auspex/telemetry/sources/route_table.h"

namespace auspex::telemetry {
namespace {

// Any stream over few names, each as often as it likes, in any order.
rc::Gen<std::vector<int>> Streams() {
  return rc::gen::mapcat(rc::gen::inRange(1, 40), [](int names) {
    // The smaller of two draws: small numbers are busy, large ones rare.
    const auto name = rc::gen::map(
        rc::gen::pair(rc::gen::inRange(0, names), rc::gen::inRange(0, names)),
        [](const std::pair<int, int>& two) { return std::min(two.first, two.second); });
    return rc::gen::container<std::vector<int>>(name);
  });
}

RC_GTEST_PROP(HeavyHitters, KeepsItsPromisesOnAnyStream, ()) {
  const auto most = *rc::gen::inRange<std::size_t>(1, 12);
  const std::vector<int> stream = *Streams();
  HeavyHitters busiest(most);
  std::map<std::string, double> truth;
  for (const int name : stream) {
    const std::string text = fmt::format("route{}", name);
    const HeavyHitters::Counted counted = busiest.Count(text);
    RC_ASSERT(busiest.counters().at(counted.index).name == text);
    ++truth[text];
  }
  const double n = static_cast<double>(stream.size());
  std::map<std::string, HeavyHitters::Counter> kept;
  double sum = 0.0;
  for (const HeavyHitters::Counter& counter : busiest.counters()) {
    kept[counter.name] = counter;
    sum += counter.count;
    RC_ASSERT(counter.count >= truth[counter.name]);
    RC_ASSERT(counter.count - counter.error <= truth[counter.name]);
    RC_ASSERT(counter.error <= n / static_cast<double>(most));
  }
  RC_ASSERT(kept.size() == busiest.counters().size());
  RC_ASSERT(kept.size() <= most);
  RC_ASSERT(sum == n);
  for (const auto& [name, count] : truth) {
    if (count > n / static_cast<double>(most)) RC_ASSERT(kept.contains(name));
  }
}

TEST(HeavyHitters, ForgetsWhatWasBusyOnce) {
  HeavyHitters busiest(2);
  constexpr int kLong = 1 << 21;
  for (int i = 0; i < kLong; ++i) busiest.Count("old");
  for (int i = 0; i < 4 * kLong; ++i) busiest.Count(i % 2 == 0 ? "new" : "newer");
  std::vector<std::string> names;
  for (const auto& counter : busiest.counters()) names.push_back(counter.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"new", "newer"}));
}

// A busy route that comes last, behind a scan of random paths, has its own number all the same.
TEST(RouteTable, ABusyRouteIsKeptWhateverComesBeforeAndBeside) {
  RouteTable table;
  const auto count = [&](const std::string& name, bool failed) {
    const std::uint16_t id = table.IdOf(name);
    table.Keep(id);
    table.Sum(id, failed);
  };
  for (int i = 0; i < 20'000; ++i) count(fmt::format("scan{}", i), false);
  static_cast<void>(table.Take());
  for (int i = 0; i < 20'000; ++i) {
    count(fmt::format("more{}", i), false);
    if (i % 50 == 0) count("pay", i % 100 == 0);
  }
  const auto taken = table.Take();
  ASSERT_TRUE(taken.contains("pay"));
  // Its first request may have made room for a scanned path again; later ones do not.
  EXPECT_GE(taken.at("pay").requests, 398);
  EXPECT_GE(taken.at("pay").errors, 198);
  EXPECT_LE(taken.size(), kMaxRoutes + 1);
  const std::int64_t all =
      std::accumulate(taken.begin(), taken.end(), std::int64_t{0},
                      [](std::int64_t sum, const auto& one) { return sum + one.second.requests; });
  EXPECT_EQ(all, 20'400);
}

RC_GTEST_PROP(RouteTable, LosesNoRequestAndNoErrorWhateverIsKeptFromTickToTick, ()) {
  RouteTable table;
  std::vector<std::pair<std::uint16_t, bool>> kept;
  std::int64_t requests = 0, errors = 0, taken_requests = 0, taken_errors = 0;
  const int ticks = *rc::gen::inRange(1, 6);
  for (int tick = 0; tick < ticks; ++tick) {
    const int lines = *rc::gen::inRange(0, 2'000);
    const int names = *rc::gen::inRange(1, 3'000);
    const int step = *rc::gen::inRange(1, 7);
    for (int i = 0; i < lines; ++i) {
      const std::uint16_t id = table.IdOf(fmt::format("r{}", i * step % names));
      table.Keep(id);
      kept.emplace_back(id, i % 3 == 0);
      ++requests;
      errors += i % 3 == 0;
    }
    const bool last = tick + 1 == ticks;
    const std::size_t left = last ? 0 : *rc::gen::inRange<std::size_t>(0, kept.size() + 1);
    while (kept.size() > left) {
      table.Sum(kept.back().first, kept.back().second);
      kept.pop_back();
    }
    const auto taken = table.Take();
    RC_ASSERT(taken.size() <= kMaxRoutes + 1);
    for (const auto& [name, counts] : taken) {
      taken_requests += counts.requests;
      taken_errors += counts.errors;
    }
  }
  RC_ASSERT(taken_requests == requests);
  RC_ASSERT(taken_errors == errors);
}

}  // namespace
}  // namespace auspex::telemetry
