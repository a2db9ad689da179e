#include "auspex/builds/fact_index.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

#include "tests/builds/facts.h"

namespace auspex::builds {
namespace {

Fact BuildOf(const std::string& service, int number) {
  const WallTime at = FromMicros(1'764'000'000'000'000) + std::chrono::seconds(number);
  return {.source = "api",
          .id = std::to_string(number),
          .service = service,
          .at = at,
          .known_at = at,
          .what = Build{}};
}

const WallTime kLater = FromMicros(1'900'000'000'000'000);

TEST(FactIndex, CountsAFactThatComesTwiceOnce) {
  FactIndex index;
  EXPECT_TRUE(index.Add(BuildOf("shop", 1)));
  EXPECT_FALSE(index.Add(BuildOf("shop", 1)));
  EXPECT_TRUE(index.Add(BuildOf("search", 1)));  // of another service
  Fact deployed = BuildOf("shop", 1);
  deployed.what = Deployed{};
  EXPECT_TRUE(index.Add(deployed));  // of another kind
  EXPECT_EQ(index.size(), 3u);
}

TEST(FactIndex, KeepsTheNewestOfAServiceAndForgetsNoId) {
  FactIndex index({.per_service = 10, .facts = 100, .ids = 100});
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(index.Add(BuildOf("shop", i)));
  const auto facts = index.Around("shop", kLater);
  ASSERT_EQ(facts.size(), 10u);
  EXPECT_EQ(facts.front().id, "20");
  EXPECT_FALSE(index.Add(BuildOf("shop", 0)));  // dropped, and known all the same
}

TEST(FactIndex, TheServiceWithMostMakesRoom) {
  FactIndex index({.per_service = 100, .facts = 50, .ids = 1000});
  for (int i = 0; i < 49; ++i) index.Add(BuildOf("loud", i));
  for (int i = 0; i < 20; ++i) index.Add(BuildOf("quiet", i));
  EXPECT_EQ(index.size(), 50u);
  EXPECT_EQ(index.Around("quiet", kLater).size(), 20u);
  EXPECT_EQ(index.Around("loud", kLater).size(), 30u);
}

RC_GTEST_PROP(FactIndex, GivesWhatWasKnownInOrder, ()) {
  const auto facts = *rc::gen::container<std::vector<Fact>>(AnyFact());
  const WallTime at =
      FromMicros(1'764'000'000'000'000) + std::chrono::seconds(*rc::gen::inRange(0, 60 * 86400));
  FactIndex index;
  for (const Fact& fact : facts) index.Add(fact);
  const auto around = index.Around("shop", at);
  RC_ASSERT(std::is_sorted(around.begin(), around.end(),
                           [](const Fact& a, const Fact& b) { return a.known_at < b.known_at; }));
  for (const Fact& fact : around) RC_ASSERT(fact.known_at <= at);
}

}  // namespace
}  // namespace auspex::builds
