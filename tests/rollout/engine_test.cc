#include "auspex/rollout/codec.h"
#include "tests/rollout/engine_rig.h"

namespace auspex::rollout {
namespace {

using nlohmann::json;
using testing::Bp;
using testing::EngineTest;
using ::testing::HasSubstr;
using testing::kRoute;

TEST_F(EngineTest, PromotesAGoodCanary) {
  Announce();
  EXPECT_EQ(View().state, "observing");
  WaitUntilEnded();
  const DeploymentView view = View();
  EXPECT_EQ(view.last.action, Action::kPromote) << view.last.reason;
  EXPECT_EQ(view.state, "ended");
  EXPECT_EQ(AtRouter(), Weight::Whole());
  EXPECT_TRUE(engine_->Running().empty());
  ExpectWholeStory();
  const std::int64_t ticks = static_cast<std::int64_t>(Events("decision").size()) - 1;
  EXPECT_EQ(engine_->counters().decisions, ticks);
  EXPECT_EQ(Events("state").size(), 1U);

  const auto row = ledger_->Deployment(id_);
  ASSERT_TRUE(row.ok());
  EXPECT_TRUE(row->ended);
  const auto edges = requests_.EdgesSet();
  EXPECT_GT(edges.at("b").slower_us[2], edges.at("a").slower_us[2]);

  // The next one has history and swaps the slots: it is not observed first.
  Announce("v3");
  EXPECT_EQ(View().state, "running");
  WaitUntil("the old slot has traffic",
            [this] { return AtRouter() < Weight::Whole() && AtRouter() > Weight::Zero(); });
}

TEST_F(EngineTest, RollsBackAnErringCanary) {
  requests_.SetErrorRate("b", .5);
  Announce();
  WaitUntilEnded();
  const DeploymentView view = View();
  EXPECT_EQ(view.last.action, Action::kRollBack);
  EXPECT_EQ(view.last.verdict, Verdict::kFail);
  EXPECT_THAT(view.last.reason, HasSubstr("errors"));
  EXPECT_EQ(AtRouter(), Weight::Zero());
  EXPECT_FALSE(Events("alert").empty());
  ExpectWholeStory();
}

TEST_F(EngineTest, HoldsWhileTheRouterIsAwayThenGoesOn) {
  service_.bake_s = 4;
  Announce();
  WaitUntilRunning();
  router_->SetUnavailable("the socket is closed");
  const auto away = [this] {
    return View().last.reason.find("the router does not answer") != std::string::npos;
  };
  WaitUntil("it holds", away);
  const Weight held = View().last.weight;
  const std::int64_t decisions = engine_->counters().decisions;
  WaitUntil("some ticks are over", [&] { return engine_->counters().decisions >= decisions + 3; });
  EXPECT_TRUE(away()) << View().last.reason;
  EXPECT_LE(View().last.weight, held);
  EXPECT_GT(engine_->counters().router_errors, 0);
  router_->SetUnavailable("");
  WaitUntilEnded();
  EXPECT_EQ(View().last.action, Action::kPromote) << View().last.reason;
  EXPECT_EQ(AtRouter(), Weight::Whole());
  ExpectWholeStory();
}

TEST_F(EngineTest, RefusesASecondDeploymentOfAService) {
  service_.bake_s = 100;
  Announce();
  const auto expect_conflict = [this] {
    const auto second = TryAnnounce();
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::kConflict) << second.error().message;
    EXPECT_THAT(second.error().message, HasSubstr(id_));
  };
  expect_conflict();  // while it observes
  WaitUntilRunning();
  expect_conflict();  // while the router's weight is between
  ASSERT_TRUE(Give(Order::Kind::kAbort).ok());
  WaitUntilEnded();
  EXPECT_TRUE(TryAnnounce().ok());
}

TEST_F(EngineTest, RefusesWhatCannotBegin) {
  Open();
  const auto code_of = [this](const Engine::Announcement& announcement) {
    const auto view = engine_->Announce(announcement);
    return view.ok() ? ErrorCode::kInternal : view.error().code;
  };
  const Engine::Announcement good{
      .service = "shop", .version = "v2", .baseline_version = "", .actor = "ann", .risk = {}};
  Engine::Announcement bad = good;
  bad.service = "shed";
  EXPECT_EQ(code_of(bad), ErrorCode::kNotFound);
  bad = good;
  bad.version = "v 2";
  EXPECT_EQ(code_of(bad), ErrorCode::kInvalidArgument);
  bad = good;
  bad.baseline_version = "v\"1";
  EXPECT_EQ(code_of(bad), ErrorCode::kInvalidArgument);
  bad = good;
  bad.risk = 1.5;
  EXPECT_EQ(code_of(bad), ErrorCode::kInvalidArgument);
  router_->SetUnavailable("closed");
  EXPECT_EQ(code_of(good), ErrorCode::kUnavailable);
  router_->SetUnavailable("");
  ASSERT_TRUE(router_->Apply(kRoute, Bp(3000), {}).ok());
  EXPECT_EQ(code_of(good), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(engine_->Running().empty());
  EXPECT_EQ(engine_->Get("nobody").error().code, ErrorCode::kNotFound);
}

TEST_F(EngineTest, ObeysOrders) {
  service_.bake_s = 100;
  Announce();
  const auto early = Give(Order::Kind::kWeight, Bp(1000));
  ASSERT_FALSE(early.ok());
  EXPECT_EQ(early.error().code, ErrorCode::kConflict);
  WaitUntilRunning();
  ASSERT_TRUE(Give(Order::Kind::kPause).ok());
  WaitUntil("it is paused", [this] { return View().state == "paused"; });
  EXPECT_THAT(View().last.reason, HasSubstr("ann: why"));
  ASSERT_TRUE(Give(Order::Kind::kWeight, Bp(1234)).ok());
  WaitUntil("the weight is set", [this] { return AtRouter() == Bp(1234); });
  ASSERT_TRUE(Give(Order::Kind::kResume).ok());
  WaitUntil("it goes on", [this] { return View().last.weight > Bp(1234); });
  const auto silent =
      engine_->Give(id_, {.kind = Order::Kind::kAbort, .weight = {}, .actor = "ann", .reason = ""});
  ASSERT_FALSE(silent.ok());
  EXPECT_EQ(silent.error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(Give(Order::Kind::kAbort).ok());
  WaitUntilEnded();
  EXPECT_EQ(View().last.verdict, Verdict::kNotProven);
  EXPECT_EQ(View().last.by, "manual");
  EXPECT_EQ(AtRouter(), Weight::Zero());
  WaitUntil("it takes no more orders", [this] {
    const auto late = Give(Order::Kind::kPause);
    return !late.ok() && late.error().code == ErrorCode::kConflict;
  });
  const auto unknown = engine_->Give(
      "nobody", {.kind = Order::Kind::kPause, .weight = {}, .actor = "ann", .reason = "why"});
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  ExpectWholeStory();
}

TEST_F(EngineTest, SetsAWeightAgainThatSomebodyElseChanged) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  ASSERT_TRUE(Give(Order::Kind::kWeight, Bp(700)).ok());
  WaitUntil("the weight is set", [this] { return View().weight_given == Bp(700); });
  const std::int64_t before = engine_->counters().reasserted;
  ASSERT_TRUE(router_->Apply(kRoute, Bp(5000), {}).ok());
  WaitUntil("it noticed", [&] { return engine_->counters().reasserted > before; });
  WaitUntil("it is set again", [this] { return AtRouter() == Bp(700); });
  const auto ticks = ledger_->Entries({.deployment = id_, .kind = "tick"});
  ASSERT_TRUE(ticks.ok());
  EXPECT_TRUE(std::any_of(ticks->begin(), ticks->end(), [](const storage::Entry& entry) {
    return entry.body.find("the proxy at memory has the weight 50% instead of 7%") !=
           std::string::npos;
  }));
}

TEST_F(EngineTest, AnOrderIsInTheLedgerBeforeItIsAnswered) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  ASSERT_TRUE(Give(Order::Kind::kPause).ok());
  const auto orders = ledger_->Entries({.deployment = id_, .kind = "order"});
  ASSERT_TRUE(orders.ok());
  ASSERT_EQ(orders->size(), 1U);
  EXPECT_THAT(orders->front().body, HasSubstr("pause"));
}

TEST_F(EngineTest, RefusesABackendThatServesNobody) {
  Open();
  drained_ = true;
  const auto view = TryAnnounce();
  ASSERT_FALSE(view.ok());
  EXPECT_EQ(view.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(view.error().message, HasSubstr("a has 0%, b has 0%"));
}

TEST_F(EngineTest, BoundsWhatIsKeptForEver) {
  service_.bake_s = 100;
  Announce();
  const std::string long_text(1001, 'x');
  const auto reason = engine_->Give(
      id_, {.kind = Order::Kind::kPause, .weight = {}, .actor = "ann", .reason = long_text});
  EXPECT_EQ(reason.error().code, ErrorCode::kInvalidArgument);
  const auto actor = engine_->Give(
      id_, {.kind = Order::Kind::kPause, .weight = {}, .actor = long_text, .reason = "why"});
  EXPECT_EQ(actor.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(EngineTest, ALongVersionKeepsTheTimeInItsId) {
  service_.bake_s = 100;
  Announce(std::string(128, 'v'));
  EXPECT_EQ(id_.size(), 128U);
  EXPECT_EQ(id_.find_last_not_of("0123456789"), id_.rfind('-'));
}

TEST_F(EngineTest, TellsTheSameTroubleOnce) {
  Announce();
  WaitUntilRunning();
  const std::size_t before = Events("alert").size();
  router_->SetUnavailable("the socket is closed");
  const std::int64_t decisions = engine_->counters().decisions;
  WaitUntil("some ticks are over", [&] { return engine_->counters().decisions >= decisions + 6; });
  // One from the ticks, one from the weight that could not be set.
  EXPECT_LE(Events("alert").size(), before + 2);
  ASSERT_GT(Events("alert").size(), before);
  EXPECT_THAT(json::parse(Events("alert")[before])["alert"].get<std::string>(),
              HasSubstr("the socket is closed"));
}

TEST_F(EngineTest, AnEndIsReportedOnceTheRouterShowsIt) {
  service_.bake_s = 100;
  Announce();
  router_->SetUnavailable("the socket is closed");
  ASSERT_TRUE(Give(Order::Kind::kAbort).ok());  // while it observes: the weight is 0 already
  WaitUntil("it is decided", [this] { return View().last.action == Action::kRollBack; });
  const std::int64_t errors = engine_->counters().router_errors;
  WaitUntil("the router was asked", [&] { return engine_->counters().router_errors > errors + 1; });
  EXPECT_FALSE(View().ended_at.has_value());
  router_->SetUnavailable("");
  WaitUntilEnded();
}

TEST_F(EngineTest, AFeedThatIsAwayIsNoStalledCanary) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  ASSERT_TRUE(router_->SetServer(kRoute.backend, kRoute.canary, true, 5, 1000).ok());
  const auto holds = [this] {
    return View().last.reason.find("request log is not connected") != std::string::npos;
  };
  const std::size_t before = Events("decision").size();
  requests_.connected = false;
  const std::int64_t decisions = engine_->counters().decisions;
  WaitUntil("some ticks are over", [&] { return engine_->counters().decisions >= decisions + 6; });
  EXPECT_TRUE(holds()) << View().last.reason;
  const auto told = Events("decision");
  for (std::size_t i = before; i < told.size(); ++i)
    EXPECT_NE(json::parse(told[i])["decision"], "limit") << told[i];
  requests_.connected = true;
  WaitUntil("it goes on", [&] { return !holds(); });
}

TEST_F(EngineTest, ASlowMetricsServerHoldsNothing) {
  service_.bake_s = 100;
  service_.signals = {{.name = "memory", .role = "saturation", .query = "m{v=\"$version\"}"}};
  metrics_.delay_ms = 400;  // twice that for both versions: longer than a tick
  Announce();
  WaitUntilRunning();
  WaitUntil("readings arrive", [this] {
    const auto ticks = Ticks();
    return std::count_if(ticks.begin(), ticks.end(),
                         [](const json& tick) { return tick["in"].contains("gauges"); }) >= 3;
  });
  for (const json& tick : Ticks()) {
    EXPECT_FALSE(tick["in"].contains("hold")) << tick.dump();
    if (tick["in"].contains("gauges")) {
      EXPECT_NEAR(tick["in"]["gauges"]["memory"].get<double>(), std::log(1.1), 1e-12);
    }
  }
}

TEST_F(EngineTest, AMetricsServerThatIsAwayHoldsUntilItIsBack) {
  service_.bake_s = 100;
  service_.signals = {{.name = "memory", .role = "saturation", .query = "m{v=\"$version\"}"}};
  Announce();
  WaitUntilRunning();
  metrics_.fails = true;
  const auto holds = [this] {
    return View().last.reason.find("the metrics server is away: holding") != std::string::npos;
  };
  WaitUntil("it holds", holds);
  metrics_.fails = false;
  WaitUntil("it goes on", [&] { return !holds(); });
}

TEST_F(EngineTest, PacksTheTicksOfWhatHasEnded) {
  Announce();
  WaitUntilRunning();
  ASSERT_TRUE(Give(Order::Kind::kAbort).ok());
  WaitUntilEnded();
  WaitUntil("it is packed", [this] {
    const auto packed = ledger_->Entries({.deployment = id_, .kind = "packed"});
    return packed.ok() && packed->size() == 1;
  });
  ExpectWholeStory();
}

TEST_F(EngineTest, TellsTheEvidence) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  const auto text = engine_->Evidence(id_);
  ASSERT_TRUE(text.ok());
  const json evidence = json::parse(*text);
  EXPECT_EQ(evidence["deployment"], id_);
  EXPECT_GE(evidence["metrics"].size(), 8U);
  EXPECT_EQ(engine_->Evidence("nobody").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace auspex::rollout
