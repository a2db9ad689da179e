#include "auspex/rollout/history.h"
#include "tests/rollout/engine_rig.h"

namespace auspex::rollout {
namespace {

using testing::EngineTest;
using ::testing::HasSubstr;

Lesson LessonsIn(storage::Ledger* ledger) {
  const auto rows = ledger->Baselines("shop", WallTime{});
  EXPECT_TRUE(rows.ok());
  Lesson sum;
  for (const storage::BaselineRow& row : *rows) {
    const auto aggregate = AggregateFromJson(row.body);
    EXPECT_TRUE(aggregate.ok()) << row.body;
    if (aggregate.ok()) Merge(aggregate->lesson, &sum);
  }
  return sum;
}

TEST_F(EngineTest, AGoodRolloutLeavesItsLessonAlsoAfterACrash) {
  service_.bake_s = 8;
  Open();
  const auto first = TryAnnounce("v2");
  ASSERT_TRUE(first.ok());
  id_ = first->id;
  EXPECT_THAT(first->last.reason, HasSubstr("assumed: arms of errors, t50, t90, t99"));
  WaitUntil("some ticks are over", [this] { return engine_->counters().decisions >= 6; });
  Restart();
  WaitUntilEnded();
  ASSERT_EQ(View().last.verdict, Verdict::kPass) << View().last.reason;
  const Lesson lesson = LessonsIn(ledger_.get());
  EXPECT_EQ(lesson.rollouts(), 1U);
  // As if nothing had happened: the same as from the whole record.
  const auto entries = AllEntries(ledger_.get(), id_);
  ASSERT_TRUE(entries.ok());
  const auto replayed = Replay(*entries);
  ASSERT_TRUE(replayed.ok());
  EXPECT_EQ(replayed->lesson.Of(replayed->rollout), lesson);
  ExpectWholeStory();

  const auto next = TryAnnounce("v3");
  ASSERT_TRUE(next.ok());
  EXPECT_THAT(next->last.reason, HasSubstr("(1 so far)"));
}

TEST_F(EngineTest, ARolloutThatWasAbortedTeachesNothing) {
  Announce();
  WaitUntilRunning();
  ASSERT_TRUE(Give(Order::Kind::kAbort).ok());
  WaitUntilEnded();
  EXPECT_EQ(LessonsIn(ledger_.get()), Lesson{});
}

TEST_F(EngineTest, TheBaselinesOwnValuesShowASignalsNoise) {
  service_.signals = {{.name = "memory", .role = "saturation", .query = "m{version=\"$version\"}"}};
  service_.tick_s = .1;
  service_.bake_s = 100;
  Open();
  const auto announced = TryAnnounce("v2");
  ASSERT_TRUE(announced.ok());
  id_ = announced->id;
  EXPECT_THAT(announced->last.reason, HasSubstr("nothing of signal memory"));
  const auto learned = [this] {
    const auto evidence = engine_->Evidence(id_);
    return evidence.ok() && evidence->find("noise of signal memory") != std::string::npos;
  };
  WaitUntil("the signal's noise is known", learned);
  // From then on the baseline's own values are of no use, and are not kept.
  const std::int64_t decisions = engine_->counters().decisions;
  WaitUntil("two ticks are over", [&] { return engine_->counters().decisions >= decisions + 3; });
  EXPECT_FALSE(Ticks().back()["in"].contains("baseline_values"));
  EXPECT_TRUE(Ticks()[5]["in"].contains("baseline_values"));
  ExpectWholeStory();
}

TEST_F(EngineTest, AScrapedServiceThatIsAskedForByVersionNeedsBoth) {
  service_.signals = {{.name = "requests",
                       .role = "errors",
                       .query = "",
                       .good = "ok{version='$version'}",
                       .all = "all{version='$version'}"}};
  Open();
  const auto refused = engine_->Announce(
      {.service = "shop", .version = "v2", .baseline_version = "", .actor = "ann", .risk = {}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("baseline_version: signal requests of shop"));
}

TEST_F(EngineTest, HistoryThatCannotBeReadIsLeftOut) {
  Open();
  storage::Batch batch;
  batch.baselines.push_back({.service = "shop", .at = clock_.Wall(), .body = R"({"errors":null})"});
  ASSERT_TRUE(ledger_->Commit(batch).ok());
  Announce();
  EXPECT_EQ(View().state, "observing");  // nothing else is known
}

TEST_F(EngineTest, AWarmUpThatTheUserGaveIsKept) {
  Open();
  BaselineAggregate taught;
  taught.lesson.cold_start_s = {1.3, 1.4, 1.5};
  storage::Batch batch;
  batch.baselines.push_back({.service = "shop", .at = clock_.Wall(), .body = ToJson(taught)});
  ASSERT_TRUE(ledger_->Commit(batch).ok());
  const auto warm_up = [this] {
    const auto evidence = nlohmann::json::parse(engine_->Evidence(id_).value_or(std::string("{}")));
    return evidence.value("warm_up_s", 0.0);
  };
  Announce();
  EXPECT_EQ(warm_up(), 1.5);
  ASSERT_TRUE(Give(Order::Kind::kAbort).ok());
  WaitUntilEnded();
  service_.warm_up_given = true;
  Restart();
  Announce("v3");
  EXPECT_EQ(warm_up(), 1.0);
}

}  // namespace
}  // namespace auspex::rollout
