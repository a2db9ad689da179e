#include "auspex/telemetry/counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace auspex::telemetry {
namespace {

using ::testing::HasSubstr;

Series One(double value, std::vector<Label> labels) {
  return {.labels = std::move(labels), .points = {{.at = {}, .value = value}}};
}
Series Raw(const std::string& instance, double value) {
  return One(value, {{"__name__", "orders_total"}, {"instance", instance}});
}
CounterReading Read(const std::vector<Series>& series) {
  return ReadCounter(series).value_or(CounterReading{});
}

// What processes count, some of which are started anew between two looks.
RC_GTEST_PROP(Counters, CountWhatWasCountedSinceWhateverRestarts, ()) {
  const int processes = *rc::gen::inRange(1, 5);
  std::vector<Series> before, now;
  double truth = 0.0;
  for (int i = 0; i < processes; ++i) {
    const int had = *rc::gen::inRange(0, 1000);
    const int more = *rc::gen::inRange(0, 1000);
    const bool restarted = *rc::gen::arbitrary<bool>();
    // A restart that counts past the old value before the next look cannot be seen.
    if (restarted) RC_PRE(more < had);
    before.push_back(Raw(std::to_string(i), had));
    now.push_back(Raw(std::to_string(i), restarted ? more : had + more));
    truth += more;
  }
  RC_ASSERT(Grown(Read(before), Read(now)) == std::optional(truth));
}

TEST(Counters, ASumThatFallsSaysNothing) {
  const auto before = Read({One(300, {{"version", "v2"}})});
  EXPECT_EQ(Grown(before, Read({One(310, {{"version", "v2"}})})), std::optional(10.0));
  EXPECT_EQ(Grown(before, Read({One(200, {{"version", "v2"}})})), std::nullopt);
}

TEST(Counters, SeriesThatComeOrGoMakeNoInterval) {
  const auto one = Read({Raw("a", 5)});
  const auto two = Read({Raw("a", 6), Raw("b", 70'000)});
  EXPECT_EQ(Grown(one, two), std::nullopt);
  EXPECT_EQ(Grown(two, one), std::nullopt);
  EXPECT_EQ(Grown(one, Read({Raw("b", 6)})), std::nullopt);
  EXPECT_EQ(Grown(two, Read({Raw("a", 7), Raw("b", 70'001)})), std::optional(2.0));
}

TEST(Counters, EventsAreAllWithoutTheGoodAndNeverOutsideOfAll) {
  const auto reading = [](double good, double all) {
    return RateReading{.good = Read({Raw("a", good)}), .all = Read({Raw("a", all)})};
  };
  const auto counts = Grown(reading(90, 100), reading(140, 160));
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->all, 60);
  EXPECT_EQ(counts->events, 10);
  EXPECT_EQ(Grown(reading(90, 100), reading(99, 105))->events, 0) << "good was read later";
  // Nothing has ever succeeded: there is no series of good ones yet.
  const RateReading none{.good = {}, .all = Read({Raw("a", 10)})};
  const RateReading then{.good = {}, .all = Read({Raw("a", 25)})};
  EXPECT_EQ(Grown(none, then)->events, 15);
  // The first one that does says how many there are, not how many are new.
  EXPECT_EQ(Grown(none, reading(20, 30)), std::nullopt);
}

TEST(Counters, HistogramsGrowBucketByBucket) {
  const auto bucket = [](const std::string& le, const std::string& route, double value) {
    return One(value, {{"__name__", "d_bucket"}, {"le", le}, {"route", route}});
  };
  const auto before = ReadBuckets({bucket("0.1", "x", 5), bucket("+Inf", "x", 6),
                                   bucket("0.1", "y", 1), bucket("+Inf", "y", 1)});
  const auto now = ReadBuckets({bucket("0.1", "x", 8), bucket("+Inf", "x", 12),
                                bucket("0.1", "y", 0), bucket("+Inf", "y", 0)});
  ASSERT_TRUE(before.ok());
  ASSERT_TRUE(now.ok());
  const auto grown = Grown(*before, *now);
  ASSERT_TRUE(grown);
  EXPECT_EQ(grown->edges_s, std::vector<double>{.1});
  EXPECT_EQ(grown->at_or_below, std::vector<double>{3});
  EXPECT_EQ(grown->total, 6);
}

TEST(Counters, WhatIsNoHistogramIsToldWithAMend) {
  const auto error = [](const Series& series) {
    const auto read = ReadBuckets({series});
    return read.ok() ? std::string() : read.error().message;
  };
  EXPECT_THAT(error(Raw("a", 1)), HasSubstr("_bucket"));
  EXPECT_THAT(error(One(1, {{"le", "x"}})), HasSubstr("le=\"x\""));
  EXPECT_THAT(error(One(1, {{"le", "0.5"}})), HasSubstr("+Inf"));
  const auto many = ReadCounter(std::vector<Series>(kMostSeries + 1, Raw("a", 1)));
  ASSERT_FALSE(many.ok());
  EXPECT_THAT(many.error().message, HasSubstr("selector"));
}

}  // namespace
}  // namespace auspex::telemetry
