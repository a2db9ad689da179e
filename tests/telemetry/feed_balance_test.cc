#include "auspex/telemetry/feed_balance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace auspex::telemetry {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Looks at 1,000 requests a tick of which the feed loses some for good.
class Feed {
 public:
  explicit Feed(FeedBalance* balance) : balance_(balance) {}
  void Tick(std::int64_t lost, std::int64_t under_way = 0, std::int64_t requests = 1'000) {
    ended_ += requests;
    lines_ += requests - lost;
    balance_->Add({.requests = {ended_ + 5}, .in_flight = 5, .lines = lines_ - under_way});
  }

 private:
  FeedBalance* balance_;
  std::int64_t ended_ = 70'000;  // the proxy ran before we listened
  std::int64_t lines_ = 0;
};

TEST(FeedBalance, LinesUnderWayAreNotLost) {
  FeedBalance balance;
  EXPECT_EQ(balance.Complaint(), "");
  Feed feed(&balance);
  for (int i = 0; i < 30; ++i) feed.Tick(0, (i * 7) % 13);
  EXPECT_EQ(balance.lost(), 0);
  EXPECT_EQ(balance.Complaint(), "");
}

TEST(FeedBalance, OneInAThousandIsCountedAndNotGrave) {
  FeedBalance balance;
  Feed feed(&balance);
  for (int i = 0; i < 30; ++i) feed.Tick(i < 3 ? 0 : 1);
  EXPECT_EQ(balance.lost(), 25);  // of 27: the last two looks may still be under way
  EXPECT_EQ(balance.Complaint(), "");
}

TEST(FeedBalance, ALossOfThreePercentIsGraveWhileItLasts) {
  FeedBalance balance;
  Feed feed(&balance);
  for (int i = 0; i < 10; ++i) feed.Tick(0);
  for (int i = 0; i < 10; ++i) feed.Tick(30);
  EXPECT_THAT(balance.Complaint(),
              AllOf(HasSubstr("lost 180 of the last 6000 requests"), HasSubstr("(3.0 %)")));
  for (int i = 0; i < 10; ++i) feed.Tick(0);
  EXPECT_EQ(balance.Complaint(), "");
  EXPECT_EQ(balance.lost(), 300) << "and stays counted";
}

TEST(FeedBalance, AFeedThatStoppedIsGraveWithinThreeLooksAndMendsItself) {
  FeedBalance balance;
  Feed feed(&balance);
  for (int i = 0; i < 10; ++i) feed.Tick(0);
  for (int i = 1; i <= 3; ++i) feed.Tick(0, 1'000 * i);  // held up
  EXPECT_NE(balance.Complaint(), "");
  feed.Tick(0);
  EXPECT_EQ(balance.Complaint(), "");
  EXPECT_EQ(balance.lost(), 0);
}

TEST(FeedBalance, ACountThatFallsALittleIsNoNewProxy) {
  FeedBalance balance;
  std::int64_t requests = 5'000, lines = 0;
  for (int i = 0; i < 10; ++i) balance.Add({.requests = {requests += 100}, .lines = lines += 100});
  for (int i = 0; i < 10; ++i)
    balance.Add({.requests = {requests += i % 2 == 0 ? 103 : -3}, .lines = lines += 20});
  EXPECT_GT(balance.lost(), 200) << "300 of 500";
  EXPECT_NE(balance.Complaint(), "");
}

TEST(FeedBalance, FewRequestsAreNeverGrave) {
  FeedBalance balance;
  Feed feed(&balance);
  for (int i = 0; i < 5; ++i) feed.Tick(0, 0, 2);
  for (int i = 0; i < 8; ++i) feed.Tick(1, 0, 2);
  EXPECT_GT(balance.lost(), 0);
  EXPECT_EQ(balance.Complaint(), "");
}

TEST(FeedBalance, AProxyStartedAnewKeepsWhatWasLostBefore) {
  FeedBalance balance;
  std::int64_t lines = 0;
  for (std::int64_t i = 1; i <= 10; ++i) {
    lines += i > 5 ? 90 : 100;
    balance.Add({.requests = {100 * i}, .lines = lines});
  }
  const std::int64_t before = balance.lost();
  EXPECT_EQ(before, 30);
  for (std::int64_t i = 1; i <= 10; ++i)
    balance.Add({.requests = {100 * i}, .lines = lines += 100});
  EXPECT_EQ(balance.lost(), before);
  EXPECT_EQ(balance.Complaint(), "");
}

TEST(FeedBalance, OneOfTwoProxiesStartedAnewIsSeenThoughTheSumGrew) {
  FeedBalance balance;
  std::int64_t lines = 0;
  for (std::int64_t i = 1; i <= 10; ++i)
    balance.Add({.requests = {1'000 * i, 10 * i}, .lines = lines += 1'010});
  // The second begins at 0 while the first has a burst.
  for (std::int64_t i = 11; i <= 20; ++i)
    balance.Add({.requests = {3'000 * i, 10 * (i - 11)}, .lines = lines += 2'000});
  EXPECT_EQ(balance.lost(), 5 * 1'010) << "a look, from the third after it to the third last";
  EXPECT_NE(balance.Complaint(), "");
  for (std::int64_t i = 1; i <= 10; ++i)
    balance.Add({.requests = {70'000 + 10 * i}, .lines = lines += 10});  // one was taken away
  EXPECT_EQ(balance.Complaint(), "");
}

// The law: what is reported lost is never more than what was lost, whatever is under way.
RC_GTEST_PROP(FeedBalance, NeverSaysMoreThanWasLost, ()) {
  FeedBalance balance;
  std::int64_t ended = 0, lines = 0, lost = 0;
  for (int i = *rc::gen::inRange(1, 40); i > 0; --i) {
    const int requests = *rc::gen::inRange(0, 50);
    const int gone = *rc::gen::inRange(0, requests + 1);
    ended += requests;
    lines += requests - gone;
    lost += gone;
    balance.Add({.requests = {ended}, .lines = lines});
    RC_ASSERT(balance.lost() <= lost);
    RC_ASSERT(balance.lost() >= 0);
  }
}

// Looks at proxies that each send `requests` a tick, of which `lines` come.
struct OfProxies {
  std::vector<std::int64_t> requests;
  std::vector<std::int64_t> lines;
};
FeedBalance After(int ticks, const OfProxies& each) {
  FeedBalance balance;
  for (int tick = 1; tick <= ticks; ++tick) {
    FeedBalance::Look look;
    for (const std::int64_t requests : each.requests) look.requests.push_back(requests * tick);
    for (const std::int64_t lines : each.lines) {
      look.lines += std::max<std::int64_t>(lines, 0) * tick;
      look.lines_of_proxy.push_back(lines < 0 ? -1 : 1'000 + lines * tick);
    }
    balance.Add(look);
  }
  return balance;
}

TEST(FeedBalance, KnowsWhichProxiesBringNoLine) {
  EXPECT_THAT(After(20, {{500, 500, 500}, {500, 0, 500}}).Silent(), ::testing::ElementsAre(1u));
  EXPECT_THAT(After(20, {{500, 500}, {0, 0}}).Silent(), ::testing::ElementsAre(0u, 1u));
  // One that loses some is connected; one with few requests may be unlucky.
  EXPECT_TRUE(After(20, {{500, 500}, {500, 400}}).Silent().empty());
  EXPECT_TRUE(After(20, {{500, 1}, {400, 0}}).Silent().empty());
  // Whose lines they are is not always known.
  EXPECT_TRUE(After(20, {{500, 500}, {500, -1}}).Silent().empty());
  EXPECT_FALSE(After(20, {{500, 500}, {500, -1}}).Complaint().empty());
}

// A name that the feed does not know (`node` in the proxy's file) is no reason to complain.
TEST(FeedBalance, NamesNobodyWhileNothingIsLost) {
  FeedBalance balance;
  for (std::int64_t tick = 1; tick <= 20; ++tick) {
    balance.Add({.requests = {500 * tick, 500 * tick},
                 .in_flight = 0,
                 .lines = 1'000 * tick,
                 .lines_of_proxy = {0, 0}});
  }
  EXPECT_EQ(balance.Complaint(), "");
  EXPECT_TRUE(balance.Silent().empty());
}

}  // namespace
}  // namespace auspex::telemetry
