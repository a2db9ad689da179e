#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/rollout/engine_rig.h"

// A router of several proxies, and the end of a canary that is proven bad.
namespace auspex::rollout {
namespace {

using testing::Bp;
using testing::EngineTest;
using ::testing::HasSubstr;
using testing::kRoute;

class EngineRouterTest : public EngineTest {
 protected:
  bool SetAside() {
    const auto view = router_->Observe(kRoute, {});
    return view.ok() && view->canary.maintenance;
  }
};

TEST_F(EngineRouterTest, EvictsACanaryThatIsProvenBadAndNotOneThatIsAborted) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  ASSERT_TRUE(Give(Order::Kind::kAbort).ok());
  WaitUntilEnded();
  EXPECT_FALSE(SetAside());
  requests_.SetErrorRate("b", .5);
  Announce("v3");
  WaitUntilEnded();
  ASSERT_EQ(View().last.verdict, Verdict::kFail) << View().last.reason;
  EXPECT_TRUE(SetAside());
  EXPECT_EQ(AtRouter(), Weight::Zero());
  // The next canary gets the slot back before its first traffic.
  requests_.SetErrorRate("b", .01);
  Announce("v4");
  EXPECT_THAT(View().last.reason, HasSubstr("waiting for its health check"));
  WaitUntilRunning();
  WaitUntil("it is admitted", [this] { return AtRouter() > Weight::Zero(); });
  EXPECT_FALSE(SetAside());
}

TEST_F(EngineRouterTest, ACanaryThatIsDownIsAwaited) {
  service_.bake_s = 100;
  ASSERT_TRUE(router_->SetServer("shop", "b", false, 0, 0).ok());
  Announce();
  const auto waits = [this] {
    return View().last.reason.find("waiting for its health check") != std::string::npos;
  };
  WaitUntil("the baseline is observed", waits);
  EXPECT_EQ(View().state, "observing");
  Restart();
  const std::size_t ticks = Ticks().size();
  WaitUntil("some ticks are over", [&] { return Ticks().size() >= ticks + 3; });
  EXPECT_TRUE(waits()) << View().last.reason;
  EXPECT_EQ(AtRouter(), Weight::Zero());
  ASSERT_TRUE(router_->SetServer("shop", "b", true, 0, 0).ok());
  WaitUntilRunning();
  EXPECT_EQ(View().state, "running");
  ExpectWholeStory();
}

TEST_F(EngineRouterTest, PutsASlotThatIsSetAsideInServiceBeforeItsFirstWeight) {
  service_.bake_s = 100;
  const auto aside = router_->Evict(kRoute, {});
  ASSERT_TRUE(aside.ok()) << aside.error().message;
  Announce();
  WaitUntilRunning();
  EXPECT_FALSE(SetAside());
  ExpectWholeStory();
}

TEST_F(EngineRouterTest, ABaselineThatIsDownKeepsNoRollbackFromItsEnd) {
  requests_.SetErrorRate("b", .5);
  ASSERT_TRUE(router_->SetServer("shop", "a", false, 0, 0).ok());
  Announce();
  WaitUntilEnded();
  ASSERT_EQ(View().last.verdict, Verdict::kFail) << View().last.reason;
  EXPECT_EQ(AtRouter(), Weight::Zero());
  EXPECT_FALSE(SetAside());
  EXPECT_FALSE(Events("alert").empty());
}

TEST_F(EngineRouterTest, NothingBeginsWhereRequestsAreNotDrawnAtRandom) {
  router_->SetDraw(traffic::Draw::kNotRandom, "memory goes round; use random(1)");
  Open();
  const auto refused = TryAnnounce();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error(),
            (Error{ErrorCode::kInvalidArgument, "memory goes round; use random(1)"}));
  // Not to know is no reason to refuse: a socket of a lower level tells less.
  router_->SetDraw(traffic::Draw::kUnknown, "memory does not say");
  EXPECT_TRUE(TryAnnounce().ok());
}

TEST_F(EngineRouterTest, HoldsWhileRequestsAreNotDrawnAtRandom) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  router_->SetDraw(traffic::Draw::kNotRandom, "memory goes round");
  WaitUntil("it is said", [this] {
    return View().last.reason.find("memory goes round: holding") != std::string::npos;
  });
  const Weight held = View().last.weight;
  const std::int64_t decisions = engine_->counters().decisions;
  WaitUntil("some ticks are over", [&] { return engine_->counters().decisions >= decisions + 3; });
  EXPECT_LE(View().last.weight, held);
  router_->SetDraw(traffic::Draw::kRandom, "");
  WaitUntil("it goes on", [&] { return View().last.weight > held; });
}

class EngineOfTwoProxies : public EngineTest {
 protected:
  EngineOfTwoProxies() : EngineTest(2) {}
  bool Tells(const std::string& text) {
    const auto ticks = ledger_->Entries({.deployment = id_, .kind = "tick"});
    return ticks.ok() &&
           std::any_of(ticks->begin(), ticks->end(), [&](const storage::Entry& entry) {
             return entry.body.find(text) != std::string::npos;
           });
  }
};

TEST_F(EngineOfTwoProxies, HoldsAndNamesTheOneThatIsAwayThenSetsItAgain) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  router_->SetUnavailable("the socket is closed", 1);
  WaitUntil("it is named", [this] { return Tells("memory 2: the socket is closed"); });
  const Weight held = View().last.weight;
  const std::int64_t decisions = engine_->counters().decisions;
  WaitUntil("some ticks are over", [&] { return engine_->counters().decisions >= decisions + 3; });
  EXPECT_LE(View().last.weight, held);
  EXPECT_FALSE(View().weight_given.has_value());
  router_->Restart(1);  // it comes back with its file's weights
  router_->SetUnavailable("", 1);
  WaitUntil("both obey", [this] {
    const auto view = router_->Observe(kRoute, {});
    return view.ok() && view->weight > Weight::Zero() &&
           traffic::WhoDisobeys(*view, view->weight).empty();
  });
  WaitUntil("it is confirmed", [this] { return View().weight_given.has_value(); });
  ExpectWholeStory();
}

TEST_F(EngineOfTwoProxies, NamesTheOneThatWasReloadedAndSetsItAgain) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  ASSERT_TRUE(Give(Order::Kind::kWeight, Bp(700)).ok());
  WaitUntil("the weight is set", [this] { return View().weight_given == Bp(700); });
  router_->Restart(1);
  WaitUntil("it is named",
            [this] { return Tells("the proxy at memory 2 has the weight 0% instead of 7%"); });
  WaitUntil("both obey", [this] {
    const auto view = router_->Observe(kRoute, {});
    return view.ok() && traffic::WhoDisobeys(*view, Bp(700)).empty();
  });
}

TEST_F(EngineOfTwoProxies, ARollbackEndsOnlyOnceBothObey) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  router_->SetUnavailable("the socket is closed", 0);
  ASSERT_TRUE(Give(Order::Kind::kAbort).ok());
  WaitUntil("the other obeys", [this] { return AtRouter() == Weight::Zero(); });
  EXPECT_FALSE(View().ended_at.has_value());
  router_->SetUnavailable("");
  WaitUntilEnded();
  EXPECT_EQ(AtRouter(), Weight::Zero());
}

TEST_F(EngineOfTwoProxies, ABadCanaryIsEvictedWhereAProxyAnswersWhileTheOtherIsAway) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  router_->SetUnavailable("the socket is closed", 1);
  requests_.SetErrorRate("b", .5);
  WaitUntil("it is evicted at the one", [this] {
    const auto view = router_->Observe(kRoute, {});
    return view.ok() && view->proxies.front().canary.maintenance;
  });
  EXPECT_FALSE(View().ended_at.has_value()) << "the other has not confirmed it";
  router_->SetUnavailable("", 1);
  WaitUntilEnded();
  EXPECT_EQ(View().last.verdict, Verdict::kFail) << View().last.reason;
  EXPECT_EQ(AtRouter(), Weight::Zero());
}

TEST_F(EngineOfTwoProxies, BeginsOnlyWhereBothAnswerAndAgree) {
  Open();
  router_->SetUnavailable("the socket is closed", 1);
  const auto away = TryAnnounce();
  ASSERT_FALSE(away.ok());
  EXPECT_EQ(away.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(away.error().message, HasSubstr("memory 2: the socket is closed"));
  ASSERT_FALSE(router_->Apply(kRoute, Weight::Whole(), {}).ok());
  router_->SetUnavailable("");
  const auto differ = TryAnnounce();
  ASSERT_FALSE(differ.ok());
  EXPECT_THAT(differ.error().message, HasSubstr("memory 2 has the weight 0% instead of 100%"));
}

}  // namespace
}  // namespace auspex::rollout
