#include "auspex/rollout/codec.h"
#include "tests/rollout/engine_rig.h"

namespace auspex::rollout {
namespace {

using nlohmann::json;
using testing::Bp;
using testing::EngineTest;
using ::testing::HasSubstr;
using testing::kRoute;

TEST_F(EngineTest, GoesOnAfterARestart) {
  Announce();
  WaitUntilRunning();
  engine_.reset();
  const std::size_t before = Events("decision").size();
  EXPECT_GE(before, 3U);
  ledger_.Open();
  // While it was away somebody took the traffic back.
  ASSERT_TRUE(router_->Apply(kRoute, Weight::Zero(), {}).ok());
  Open();
  EXPECT_EQ(engine_->Running().size(), 1U);
  EXPECT_EQ(Events("decision").size(), before);
  WaitUntil("the weight is back", [this] { return AtRouter() > Weight::Zero(); });
  WaitUntilEnded();
  EXPECT_EQ(View().last.action, Action::kPromote) << View().last.reason;
  ExpectWholeStory();
  // What has ended stays so.
  Restart();
  EXPECT_TRUE(engine_->Running().empty());
}

TEST_F(EngineTest, RestartsInTheMiddleOfObservingToo) {
  Announce();
  WaitUntil("a tick is over", [this] { return engine_->counters().decisions >= 1; });
  Restart();
  EXPECT_EQ(View().state, "observing");
  WaitUntilRunning();
  Restart();
  ExpectWholeStory();
}

TEST_F(EngineTest, ObeysAfterACrashWhatWasOrderedBeforeIt) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  engine_.reset();
  // Stored, and the process died before the tick was closed.
  storage::Batch batch;
  batch.entries.push_back({.at = clock_.Wall(),
                           .deployment = id_,
                           .kind = "order",
                           .body = ToJson(Order{.kind = Order::Kind::kAbort,
                                                .weight = {},
                                                .actor = "ann",
                                                .reason = "before the crash"})});
  ASSERT_TRUE(ledger_->Commit(batch).ok());
  ledger_.Open();
  Open();
  WaitUntilEnded();
  EXPECT_THAT(View().last.reason, HasSubstr("aborted by ann: before the crash"));
  EXPECT_EQ(AtRouter(), Weight::Zero());
  ExpectWholeStory();
}

TEST_F(EngineTest, CarriesNothingOutThatIsNotStored) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  disk_->refuses = true;
  WaitUntil("the ledger refused", [this] { return engine_->counters().ledger_errors > 0; });
  const Weight held = AtRouter();
  const std::size_t decisions = Events("decision").size();
  const auto order = Give(Order::Kind::kAbort);
  ASSERT_FALSE(order.ok());
  EXPECT_EQ(order.error().code, ErrorCode::kUnavailable);
  engine_.reset();  // it stops while it waits for the disk
  EXPECT_EQ(AtRouter(), held);
  EXPECT_EQ(Events("decision").size(), decisions);
  ledger_.Open();
  Open();
  WaitUntil("it goes on", [&] { return Events("decision").size() > decisions; });
  ExpectWholeStory();
}

TEST_F(EngineTest, WhatWasSeenBeforeTheDiskWasFullGivesNoTrafficAfter) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  disk_->refuses = true;
  const std::int64_t errors = engine_->counters().ledger_errors;
  WaitUntil("it has refused for long",
            [&] { return engine_->counters().ledger_errors > errors + 7; });
  const Weight held = AtRouter();
  const std::size_t ticks = Ticks().size();
  disk_->refuses = false;
  WaitUntil("it goes on", [&] { return Ticks().size() > ticks + 1; });
  const auto all = Ticks();
  // A machine that stalls besides is told first.
  EXPECT_THAT(all[ticks]["in"]["hold"].get<std::string>(),
              ::testing::AnyOf(HasSubstr("took no decisions"), HasSubstr("was away")));
  EXPECT_LE(all[ticks]["out"]["weight"].get<double>(), held.share());
  // One of them covers the time in which nobody decided.
  EXPECT_GT(std::max(all[ticks]["in"].value("covers_s", 0.0),
                     all[ticks + 1]["in"].value("covers_s", 0.0)),
            2);
  ExpectWholeStory();
}

// Callers that gave up leave their questions behind until the engine looks at them.
TEST_F(EngineTest, WhileTheDiskIsFullTheCallersThatWaitAreBounded) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  disk_->refuses = true;
  WaitUntil("it is noticed", [this] { return !engine_->LedgerTrouble().empty(); });
  constexpr int kCallers = 300;
  std::atomic<int> turned_away = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      const auto given = Give(Order::Kind::kPause);
      ASSERT_FALSE(given.ok());
      EXPECT_EQ(given.error().code, ErrorCode::kUnavailable);
      turned_away += given.error().message.find("256 calls wait") != std::string::npos ? 1 : 0;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(turned_away, kCallers - 256);
  const auto late = Give(Order::Kind::kPause);
  ASSERT_FALSE(late.ok());
  EXPECT_THAT(late.error().message, ::testing::HasSubstr("nothing was done: 256 calls wait"));
  EXPECT_THAT(late.error().message, ::testing::HasSubstr("the disk is full"));
  disk_->refuses = false;
  WaitUntil("the engine goes on", [this] { return engine_->LedgerTrouble().empty(); });
  WaitUntil("an order is taken", [this] { return Give(Order::Kind::kPause).ok(); });
  // None of those that were told that nothing was done.
  const auto orders = ledger_->Entries({.deployment = id_, .kind = "order"});
  ASSERT_TRUE(orders.ok());
  EXPECT_EQ(orders->size(), 1u);
}

TEST_F(EngineTest, GoesOnOnceTheDiskHasRoomAgain) {
  Announce();
  WaitUntilRunning();
  disk_->refuses = true;
  WaitUntil("the ledger refused", [this] { return engine_->counters().ledger_errors > 1; });
  EXPECT_THAT(engine_->LedgerTrouble(), HasSubstr("the disk is full"));
  EXPECT_THAT(View().last.reason, HasSubstr("the weight holds until the ledger takes decisions"));
  EXPECT_THAT(Events("alert").back(), HasSubstr("the disk is full"));
  // What was refused does not happen later.
  const auto order = Give(Order::Kind::kAbort);
  ASSERT_FALSE(order.ok());
  EXPECT_THAT(order.error().message, HasSubstr("nothing was done"));
  disk_->refuses = false;
  WaitUntilEnded();
  EXPECT_EQ(engine_->LedgerTrouble(), "");
  EXPECT_EQ(View().last.action, Action::kPromote) << View().last.reason;
  ExpectWholeStory();
}

TEST_F(EngineTest, KeepsWhatItSawOfTheBaselineAlsoBeforeTheEnd) {
  service_.bake_s = 100;
  Announce();
  WaitUntil("an aggregate is stored", [this] {
    const auto rows = ledger_->Baselines("shop", {});
    return rows.ok() && !rows->empty();
  });
  EXPECT_FALSE(View().ended_at.has_value());
}

TEST_F(EngineTest, WaitsForApprovalAlsoOverARestart) {
  service_.bake_s = 100;
  service_.prior_risk = .4;
  service_.approval = Approval{.above_risk = .3};
  Announce();
  EXPECT_EQ(View().state, "waiting");
  EXPECT_EQ(Events("alert").size(), 1U);
  const auto promote = Give(Order::Kind::kPromote);
  ASSERT_FALSE(promote.ok());
  EXPECT_EQ(promote.error().code, ErrorCode::kConflict);
  Restart();
  EXPECT_EQ(View().state, "waiting");
  EXPECT_EQ(AtRouter(), Weight::Zero());
  ASSERT_TRUE(Give(Order::Kind::kApprove).ok());
  WaitUntilRunning();
  EXPECT_EQ(Give(Order::Kind::kReject).error().code, ErrorCode::kConflict);
  ExpectWholeStory();
}

TEST_F(EngineTest, PacksAtTheStartWhatACrashLeftUnpacked) {
  Announce();
  WaitUntilRunning();
  ASSERT_TRUE(Give(Order::Kind::kAbort).ok());
  WaitUntilEnded();
  engine_.reset();
  ledger_.Open();
  // As if it had died between the outcome and the packing: one more tick, not packed.
  StoreEntry("tick", "{}");
  const auto left = ledger_->Unpacked(10);
  ASSERT_TRUE(left.ok());
  EXPECT_THAT(*left, ::testing::ElementsAre(id_));
  Open();
  WaitUntil("it is packed", [this] {
    const auto unpacked = ledger_->Unpacked(10);
    return unpacked.ok() && unpacked->empty();
  });
}

TEST_F(EngineTest, ADamagedDeploymentDoesNotKeepTheOthersWaiting) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  engine_.reset();
  StoreEntry("tick", "{}");
  ledger_.Open();
  Open();
  EXPECT_TRUE(engine_->Running().empty());
}

TEST_F(EngineTest, WhatWasDecidedHoldsWhereTheProgramNowDecidesOtherwise) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  engine_.reset();
  json tick = Ticks().back();
  tick["in"]["t_s"] = tick["out"]["t_s"] = tick["in"]["t_s"].get<double>() + .5;
  tick["out"]["weight"] = .0123;
  StoreEntry("tick", tick.dump());
  ledger_.Open();
  Open();
  WaitUntil("it waits for a person", [this] { return View().state == "paused"; });
  EXPECT_EQ(View().last.weight, Bp(123));
  EXPECT_THAT(View().last.reason, HasSubstr("by auspex: this version decides"));
  WaitUntil("the weight is there", [this] { return AtRouter() == Bp(123); });
  // Once: a person's resume is not undone by the next restart.
  ASSERT_TRUE(Give(Order::Kind::kResume).ok());
  WaitUntil("it goes on", [this] { return View().state == "running"; });
  Restart();
  const std::int64_t decisions = engine_->counters().decisions;
  WaitUntil("some ticks are over", [&] { return engine_->counters().decisions >= decisions + 2; });
  EXPECT_EQ(View().state, "running");
}

TEST_F(EngineTest, SettlesOnceWhereTheProgramNowWouldHavePromotedEarlier) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  engine_.reset();
  json tick = Ticks().back();
  tick["out"]["weight"] = .0123;
  tick["out"]["decision"] = "hold";
  // The program of today obeys this order; the one of then did not, and went on.
  tick["in"]["orders"] = json::array({json::parse(ToJson(
      Order{.kind = Order::Kind::kPromote, .weight = {}, .actor = "ann", .reason = "long ago"}))});
  for (const double later : {.5, 20.0}) {
    tick["in"]["t_s"] = tick["out"]["t_s"] = tick["in"]["t_s"].get<double>() + later;
    StoreEntry("tick", tick.dump());
    tick["in"].erase("orders");
  }
  const double recorded = tick["in"]["t_s"].get<double>();
  const std::size_t ticks = Ticks().size();
  ledger_.Open();
  Open();
  WaitUntil("it waits for a person", [this] { return View().state == "paused"; });
  EXPECT_EQ(View().last.weight, Bp(123));
  WaitUntil("a tick is over", [&] { return Ticks().size() > ticks + 1; });
  EXPECT_GT(Ticks()[ticks]["in"]["t_s"].get<double>(), recorded);
  ASSERT_TRUE(Give(Order::Kind::kResume).ok());
  WaitUntil("it goes on", [this] { return View().state == "running"; });
  for (int restart = 0; restart < 2; ++restart) {
    Restart();
    const std::int64_t decisions = engine_->counters().decisions;
    WaitUntil("ticks are over", [&] { return engine_->counters().decisions >= decisions + 2; });
    EXPECT_EQ(View().state, "running");
  }
  const auto orders = ledger_->Entries({.deployment = id_, .kind = "order"});
  ASSERT_TRUE(orders.ok());
  EXPECT_EQ(orders->size(), 2u) << "the system's and the person's";
}

TEST_F(EngineTest, AStoredEndStaysWhereTheProgramNowDecidesOtherwise) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  engine_.reset();
  json tick = Ticks().back();
  tick["in"]["t_s"] = tick["out"]["t_s"] = tick["in"]["t_s"].get<double>() + .5;
  tick["out"]["decision"] = "roll_back";
  tick["out"]["verdict"] = "fail";
  tick["out"]["weight"] = 0;
  tick["out"]["reason"] = "proven by an older version";
  StoreEntry("tick", tick.dump());
  ledger_.Open();
  Open();
  WaitUntilEnded();
  EXPECT_EQ(View().last.verdict, Verdict::kFail);
  EXPECT_EQ(View().last.reason, "proven by an older version");
  EXPECT_EQ(AtRouter(), Weight::Zero());
}

TEST_F(EngineTest, TimeThatItWasAwayIsNotWatched) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  engine_.reset();
  const double before = Ticks().back()["in"]["t_s"].get<double>();
  const std::size_t ticks = Ticks().size();
  StoreEntry("observed", "{}", 1h);
  ledger_.Open();
  Open();
  WaitUntil("a tick is over", [&] { return Ticks().size() > ticks; });
  const json next = Ticks()[ticks]["in"];
  EXPECT_LT(next["t_s"].get<double>(), before + 5);
  EXPECT_GT(next["covers_s"].get<double>(), 3600);
  EXPECT_THAT(next["hold"].get<std::string>(), HasSubstr("the daemon was away for 1h"));
  ExpectWholeStory();
}

}  // namespace
}  // namespace auspex::rollout
