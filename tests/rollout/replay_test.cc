#include "auspex/rollout/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auspex/rollout/codec.h"
#include "tests/rollout/simulation.h"
#include "tests/rollout/temp_ledger.h"

namespace auspex::rollout {
namespace {

using testing::BasicSpec;
using ::testing::HasSubstr;
using testing::InputsOf;
using testing::TempLedger;
using testing::Traffic;

std::vector<storage::Entry> EntriesOf(int ticks, const Traffic& traffic = {}) {
  Announced announced;
  announced.id = "d1";
  announced.service = "checkout";
  announced.version = "v2";
  announced.actor = "ann";
  announced.backend = "checkout";
  announced.baseline = "a";
  announced.canary = "b";
  announced.spec = BasicSpec();
  Turn turn = Start(announced.spec);
  std::vector<storage::Entry> entries;
  const auto add = [&](const char* kind, std::string body) {
    storage::Entry entry;
    entry.seq = static_cast<std::int64_t>(entries.size()) + 1;
    entry.at = WallTime(std::chrono::seconds(entry.seq));
    entry.deployment = announced.id;
    entry.kind = kind;
    entry.body = std::move(body);
    entries.push_back(std::move(entry));
  };
  add("announced", AnnouncedJson(announced, turn.decision));
  Random random(3);
  for (int i = 1; i <= ticks; ++i) {
    const Inputs inputs = InputsOf(10.0 * i, 3000, turn.next.asked, traffic, &random);
    turn = Advance(turn.next, inputs);
    add("tick", TickJson(inputs, turn.decision, "d1"));
    add("observed", R"({"weight_asked":0.1,"weight_given":0.1})");
  }
  return entries;
}

void Damage(storage::Entry* entry, const std::string& before, const std::string& after) {
  const std::size_t at = entry->body.find(before);
  ASSERT_NE(at, std::string::npos) << entry->body;
  entry->body.replace(at, before.size(), after);
}

TEST(Replay, DecidesTheSameAgain) {
  for (const double fault : {1.0, 40.0}) {  // one goes on, one ends early
    const std::vector<storage::Entry> entries = EntriesOf(200, {.canary_errors = fault});
    const Result<Replayed> replayed = Replay(entries);
    ASSERT_TRUE(replayed.ok()) << replayed.error().message;
    EXPECT_TRUE(replayed->differences.empty()) << replayed->differences.front();
    EXPECT_EQ(replayed->decisions, 201);
    EXPECT_EQ(replayed->lines.size(), 201U);
    EXPECT_EQ(replayed->announced.version, "v2");
    EXPECT_EQ(replayed->last_at, entries.back().at);
    EXPECT_EQ(replayed->rollout.phase == Phase::kEnded, fault > 1);
  }
}

TEST(Replay, ShowsADecisionThatWasChanged) {
  std::vector<storage::Entry> entries = EntriesOf(20);
  Damage(&entries[7], R"("decision":")", R"("decision":"not )");
  const Result<Replayed> replayed = Replay(entries);
  ASSERT_TRUE(replayed.ok());
  ASSERT_EQ(replayed->differences.size(), 1U);
  EXPECT_THAT(replayed->differences.front(), HasSubstr("entry 8: stored "));
}

// Another version's last bits and words are shown; what was carried out is what must be settled.
TEST(Replay, OnlyWhatWasCarriedOutIsUnsettled) {
  const auto with = [](const std::string& before, const std::string& after) {
    std::vector<storage::Entry> entries = EntriesOf(20);
    Damage(&entries.end()[-2], before, after);  // the last tick
    const Result<Replayed> replayed = Replay(entries);
    EXPECT_TRUE(replayed.ok() && replayed->differences.size() == 1U) << before;
    return replayed.ok() && replayed->unsettled;
  };
  EXPECT_FALSE(with(R"("confidence":0.)", R"("confidence":0.0)"));
  EXPECT_FALSE(with(R"("reason":")", R"("reason":"in other words: )"));
  EXPECT_TRUE(with(R"("decision":")", R"("decision":"not )"));
  EXPECT_TRUE(with(R"("verdict":null)", R"("verdict":"pass")"));
  EXPECT_TRUE(with(R"("weight":0.)", R"("weight":0.0)"));
}

TEST(Replay, ShowsThatAnInputWasChanged) {
  std::vector<storage::Entry> entries = EntriesOf(20);
  Damage(&entries[7], R"("baseline":{"requests":)", R"("baseline":{"requests":9)");
  const Result<Replayed> replayed = Replay(entries);
  ASSERT_TRUE(replayed.ok());
  EXPECT_FALSE(replayed->differences.empty());
}

TEST(Replay, NamesTheEntryThatCannotBeRead) {
  const auto expect_loss = [](const std::vector<storage::Entry>& entries, const char* what) {
    const Result<Replayed> replayed = Replay(entries);
    ASSERT_FALSE(replayed.ok()) << what;
    EXPECT_EQ(replayed.error().code, ErrorCode::kDataLoss) << replayed.error().message;
    EXPECT_THAT(replayed.error().message, HasSubstr(what));
  };
  std::vector<storage::Entry> entries = EntriesOf(5);
  entries[3].body.resize(20);
  expect_loss(entries, "entry 4 (tick)");
  entries = EntriesOf(5);
  Damage(&entries[3], R"("canary":{"requests":)", R"("canary":{"requests":-)");
  expect_loss(entries, "entry 4 (tick)");
  entries = EntriesOf(5);
  Damage(&entries[3], R"("t_s":20)", R"("t_s":10)");
  expect_loss(entries, "entry 4 (tick)");
  entries = EntriesOf(5);
  Damage(&entries[0], R"("mode":"balanced")", R"("mode":"odd")");
  expect_loss(entries, "entry 1 (announced)");
  entries = EntriesOf(5);
  Damage(&entries[0], R"("version")", R"("vershun")");
  expect_loss(entries, "entry 1 (announced)");
  entries = EntriesOf(5);
  entries.erase(entries.begin());
  expect_loss(entries, "before the deployment was announced");
}

TEST(Replay, FindsNothingInNothing) {
  const Result<Replayed> replayed = Replay({});
  ASSERT_FALSE(replayed.ok());
  EXPECT_EQ(replayed.error().code, ErrorCode::kNotFound);
}

TEST(Replay, ReadsMoreEntriesThanOnePage) {
  TempLedger ledger;
  storage::Batch batch;
  const std::vector<storage::Entry> entries = EntriesOf(800);
  for (const storage::Entry& entry : entries) {
    batch.entries.push_back(
        {.at = entry.at, .deployment = "d1", .kind = entry.kind, .body = entry.body});
    batch.entries.push_back({.at = entry.at, .deployment = "other", .kind = "tick", .body = "{}"});
  }
  ASSERT_TRUE(ledger->Commit(batch).ok());
  const auto all = AllEntries(ledger.get(), "d1");
  ASSERT_TRUE(all.ok()) << all.error().message;
  EXPECT_EQ(all->size(), 1601U);
  const Result<Replayed> replayed = Replay(*all);
  ASSERT_TRUE(replayed.ok());
  EXPECT_TRUE(replayed->differences.empty());
  EXPECT_EQ(replayed->decisions, 801);
}

}  // namespace
}  // namespace auspex::rollout
