#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "auspex/storage/chain.h"
#include "auspex/storage/ledger.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "tests/storage/support.h"

// What every Ledger promises. Another adapter joins with a rig in AllLedgerRigs.
namespace auspex::storage {
namespace {

using testing::At;
using testing::MakeDeployment;
using testing::MakeEnded;
using testing::MakeEntry;
using testing::MakeTicks;

// A ledger's home, which outlives each opening of it.
class LedgerWorld {
 public:
  virtual ~LedgerWorld() = default;
  virtual std::unique_ptr<Ledger> Open() = 0;
  testing::MemoryStore& objects() { return objects_; }

 private:
  testing::MemoryStore objects_;
};

class SqliteWorld final : public LedgerWorld {
 public:
  std::unique_ptr<Ledger> Open() override {
    SqliteLedgerConfig config;
    config.path = folder_.Path("ledger.db");
    config.objects = &objects();
    auto ledger = SqliteLedger::Open(config);
    EXPECT_TRUE(ledger.ok()) << ledger.error().message;
    return *std::move(ledger);
  }

 private:
  testing::TempFolder folder_;
};

struct LedgerRig {
  std::string name;
  std::function<std::unique_ptr<LedgerWorld>()> make;
};

std::vector<LedgerRig> AllLedgerRigs() {
  return {{"sqlite", [] { return std::make_unique<SqliteWorld>(); }}};
}

class LedgerContract : public ::testing::TestWithParam<LedgerRig> {
 protected:
  Ledger& ledger() { return *ledger_; }
  testing::MemoryStore& objects() { return world_->objects(); }
  void Reopen() {
    ledger_.reset();
    ledger_ = world_->Open();
  }
  std::vector<Entry> All(const std::string& deployment) {
    auto entries = ledger_->Entries({.deployment = deployment, .kind = "", .after = 0});
    EXPECT_TRUE(entries.ok()) << entries.error().message;
    return entries.ok() ? *std::move(entries) : std::vector<Entry>();
  }
  // A deployment with 5 ticks and an order, which has ended.
  void CommitEnded(const std::string& id, std::int64_t ended) {
    Batch batch = MakeTicks(id, 5);
    batch.deployments = {MakeEnded(id, 0, ended)};
    const auto stored = ledger_->Commit(batch);
    ASSERT_TRUE(stored.ok()) << stored.error().message;
  }

 private:
  std::unique_ptr<LedgerWorld> world_ = GetParam().make();
  std::unique_ptr<Ledger> ledger_ = world_->Open();
};

std::vector<std::string> Bodies(const std::vector<Entry>& entries) {
  std::vector<std::string> bodies;
  for (const Entry& entry : entries) bodies.push_back(entry.body);
  return bodies;
}

std::vector<std::string> Ids(const Result<std::vector<DeploymentRow>>& rows) {
  std::vector<std::string> ids;
  EXPECT_TRUE(rows.ok());
  if (rows.ok()) {
    for (const DeploymentRow& row : *rows) ids.push_back(row.id);
  }
  return ids;
}

void ExpectChained(const std::vector<Entry>& entries) {
  Sha256 hash = kChainStart;
  for (const Entry& entry : entries) {
    hash = ChainHash(hash, {entry.seq, MicrosSinceEpoch(entry.at), entry.deployment, entry.kind,
                            HashSha256(entry.body)});
    EXPECT_EQ(entry.hash, hash) << entry.seq;
  }
}

TEST_P(LedgerContract, ChainsEntriesOverBatchesAndReopening) {
  auto entries = ledger().Commit(MakeTicks("d1", 2)).value();
  Reopen();
  const auto more = ledger().Commit(MakeTicks("d2", 1)).value();
  entries.insert(entries.end(), more.begin(), more.end());
  ASSERT_EQ(entries.size(), 5U);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(entries[i].seq, static_cast<std::int64_t>(i) + 1);
  }
  ExpectChained(entries);
}

TEST_P(LedgerContract, GivesEntriesBackAsTheyWere) {
  const Batch batch = MakeTicks("d1", 3);
  const auto stored = ledger().Commit(batch).value();
  Reopen();
  const auto entries = All("d1");
  ASSERT_EQ(entries.size(), batch.entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(entries[i].seq, stored[i].seq);
    EXPECT_EQ(entries[i].at, batch.entries[i].at);
    EXPECT_EQ(entries[i].deployment, "d1");
    EXPECT_EQ(entries[i].kind, batch.entries[i].kind);
    EXPECT_EQ(entries[i].body, batch.entries[i].body);
    EXPECT_EQ(entries[i].hash, stored[i].hash);
  }
}

TEST_P(LedgerContract, SelectsEntriesByDeploymentKindAndPage) {
  ASSERT_TRUE(ledger().Commit(MakeTicks("d1", 4)).ok());
  ASSERT_TRUE(ledger().Commit(MakeTicks("d2", 4)).ok());
  ASSERT_TRUE(ledger().Commit({.entries = {MakeEntry("", "note", "{}", 9)}}).ok());
  EXPECT_EQ(All("").size(), 1U);
  EXPECT_EQ(All("unknown").size(), 0U);
  const auto orders = ledger().Entries({.deployment = "d2", .kind = "order"}).value();
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].seq, 10);
  const auto page = ledger().Entries({.deployment = "d1", .kind = "", .after = 2, .limit = 2});
  ASSERT_EQ(page->size(), 2U);
  EXPECT_EQ((*page)[0].seq, 3);
  EXPECT_EQ((*page)[1].seq, 4);
  EXPECT_EQ(ledger().Entries({.deployment = "d1", .kind = "", .limit = 0})->size(), 0U);
}

TEST_P(LedgerContract, RefusesABadBatchAsAWhole) {
  const std::string most = '"' + std::string(kMaxBodyBytes - 2, 'x') + '"';
  const std::vector<NewEntry> bad = {MakeEntry("d 1", "tick", "{}", 0),
                                     MakeEntry("d1", "", "{}", 0),
                                     MakeEntry("d1", std::string(129, 'k'), "{}", 0),
                                     MakeEntry(std::string(129, 'd'), "tick", "{}", 0),
                                     MakeEntry("d1", "tick", "{", 0),
                                     MakeEntry("d1", "tick", "", 0),
                                     MakeEntry("d1", "tick", "\"\xff\"", 0),
                                     MakeEntry("d1", "tick", most + " ", 0),
                                     MakeEntry("d1", "packed", "{}", 0),
                                     MakeEntry("d1", "expired", "{}", 0)};
  for (const NewEntry& entry : bad) {
    const auto stored = ledger().Commit({.entries = {MakeEntry("d1", "tick", "{}", 0), entry},
                                         .deployments = {MakeDeployment("d1", 0)}});
    ASSERT_FALSE(stored.ok()) << entry.deployment << ' ' << entry.kind;
    EXPECT_EQ(stored.error().code, ErrorCode::kInvalidArgument) << stored.error().message;
  }
  EXPECT_EQ(All("d1").size(), 0U);
  EXPECT_EQ(ledger().Deployment("d1").error().code, ErrorCode::kNotFound);
  const auto first = ledger().Commit({.entries = {MakeEntry("d1", "tick", most, 0)}});
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first->front().seq, 1);
}

TEST_P(LedgerContract, RefusesBadRows) {
  DeploymentRow deployment = MakeDeployment("d1", 0);
  deployment.body = "not JSON";
  EXPECT_EQ(ledger().Commit({.deployments = {deployment}}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(ledger().Commit({.baselines = {{"", At(0), "{}"}}}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_P(LedgerContract, KeepsTheLastStateOfADeployment) {
  ASSERT_TRUE(ledger().Commit({.deployments = {MakeDeployment("d1", 5)}}).ok());
  EXPECT_FALSE(ledger().Deployment("d1")->ended);
  ASSERT_TRUE(ledger().Commit({.deployments = {MakeEnded("d1", 5, 60)}}).ok());
  Reopen();
  const auto row = ledger().Deployment("d1");
  ASSERT_TRUE(row.ok());
  EXPECT_TRUE(row->ended);
  EXPECT_EQ(row->service, "checkout");
  EXPECT_EQ(row->started_at, At(5));
  EXPECT_EQ(row->ended_at, At(60));
  EXPECT_EQ(row->body, R"({"state":"ended"})");
  const auto absent = ledger().Deployment("d2");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
}

TEST_P(LedgerContract, ListsDeploymentsNewestFirstInPages) {
  Batch batch;
  // b and c start together: the id decides.
  batch.deployments = {MakeDeployment("a", 1), MakeEnded("b", 2, 9), MakeDeployment("c", 2),
                       MakeDeployment("d", 0)};
  batch.deployments[3].service = "search";
  ASSERT_TRUE(ledger().Commit(batch).ok());
  EXPECT_EQ(Ids(ledger().Deployments({})), (std::vector<std::string>{"c", "b", "a", "d"}));
  DeploymentQuery query;
  query.limit = 2;
  EXPECT_EQ(Ids(ledger().Deployments(query)), (std::vector<std::string>{"c", "b"}));
  query.after_id = "b";
  EXPECT_EQ(Ids(ledger().Deployments(query)), (std::vector<std::string>{"a", "d"}));
  query.service = "checkout";
  query.ended = false;
  EXPECT_EQ(Ids(ledger().Deployments(query)), (std::vector<std::string>{"a"}));
  query = {};
  query.ended = true;
  EXPECT_EQ(Ids(ledger().Deployments(query)), (std::vector<std::string>{"b"}));
  query.after_id = "gone";
  EXPECT_EQ(ledger().Deployments(query).error().code, ErrorCode::kInvalidArgument);
}

TEST_P(LedgerContract, KeepsBaselinesInOrderOfTime) {
  Batch batch;
  batch.baselines = {{"checkout", At(3), R"({"n":3})"},
                     {"checkout", At(1), R"({"n":1})"},
                     {"checkout", At(2), R"({"n":2})"},
                     {"search", At(2), R"({"n":9})"}};
  ASSERT_TRUE(ledger().Commit(batch).ok());
  const auto rows = ledger().Baselines("checkout", At(2)).value();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].body, R"({"n":2})");
  EXPECT_EQ(rows[1].at, At(3));
  EXPECT_EQ(ledger().Baselines("unknown", At(0))->size(), 0U);
}

TEST_P(LedgerContract, UnpacksWhatItPacked) {
  CommitEnded("d1", 60);
  CommitEnded("d2", 60);
  const auto before = All("d1");
  ASSERT_TRUE(ledger().Pack("d1", At(100)).ok());
  Reopen();
  const auto after = All("d1");
  ASSERT_EQ(after.size(), before.size() + 1);
  EXPECT_EQ(after.back().kind, "packed");
  EXPECT_EQ(after.back().at, At(100));
  auto bodies = Bodies(after);
  bodies.pop_back();
  EXPECT_EQ(bodies, Bodies(before));
  EXPECT_EQ(objects().List("ticks/d1-")->size(), 1U);
  EXPECT_EQ(objects().List("")->size(), 1U);
}

TEST_P(LedgerContract, PacksOnceUnlessTicksWereAdded) {
  CommitEnded("d1", 60);
  ASSERT_TRUE(ledger().Pack("d1", At(100)).ok());
  ASSERT_TRUE(ledger().Pack("d1", At(101)).ok());
  EXPECT_EQ(All("d1").size(), 7U);
  ASSERT_TRUE(ledger().Commit(MakeTicks("d1", 3)).ok());
  ASSERT_TRUE(ledger().Pack("d1", At(102)).ok());
  EXPECT_EQ(ledger().Entries({.deployment = "d1", .kind = "packed"})->size(), 2U);
  EXPECT_EQ(ledger().Entries({.deployment = "d1", .kind = "tick"})->size(), 8U);
  EXPECT_EQ(objects().List("ticks/")->size(), 2U);
}

TEST_P(LedgerContract, PacksOnlyWhatHasEnded) {
  ASSERT_TRUE(ledger().Commit({.deployments = {MakeDeployment("d1", 0)}}).ok());
  EXPECT_EQ(ledger().Pack("d1", At(1)).error().code, ErrorCode::kConflict);
  EXPECT_EQ(ledger().Pack("d2", At(1)).error().code, ErrorCode::kNotFound);
}

TEST_P(LedgerContract, KeepsTheBodiesIfTheStoreFailsWhilePacking) {
  CommitEnded("d1", 60);
  objects().Break(true);
  EXPECT_EQ(ledger().Pack("d1", At(1)).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(All("d1").size(), 6U);
  objects().Break(false);
  EXPECT_TRUE(ledger().Pack("d1", At(1)).ok());
  objects().Break(true);
  Reopen();
  EXPECT_EQ(ledger().Entries({.deployment = "d1", .kind = ""}).error().code,
            ErrorCode::kUnavailable);
}

TEST_P(LedgerContract, ExpiresObjectsOfOldDeployments) {
  CommitEnded("d1", 60);
  CommitEnded("d2", 90);
  ASSERT_TRUE(ledger().Pack("d1", At(100)).ok());
  ASSERT_TRUE(ledger().Pack("d2", At(100)).ok());
  EXPECT_EQ(ledger().Expire(At(60)), 0);
  EXPECT_EQ(ledger().Expire(At(61)), 1);
  EXPECT_EQ(ledger().Expire(At(61)), 0);
  EXPECT_EQ(objects().List("ticks/d1-")->size(), 0U);
  EXPECT_EQ(All("d2").size(), 7U);
  EXPECT_EQ(ledger().Entries({.deployment = "d1", .kind = "order"})->size(), 1U);
  EXPECT_EQ(ledger().Entries({.deployment = "d1", .kind = "expired"})->size(), 1U);
  const auto ticks = ledger().Entries({.deployment = "d1", .kind = "tick"});
  ASSERT_FALSE(ticks.ok());
  EXPECT_EQ(ticks.error().code, ErrorCode::kNotFound);
  EXPECT_NE(ticks.error().message.find("expired"), std::string::npos) << ticks.error().message;
}

TEST_P(LedgerContract, ExpiresLaterWhatTheStoreCouldNotDelete) {
  CommitEnded("d1", 60);
  ASSERT_TRUE(ledger().Pack("d1", At(100)).ok());
  objects().Break(true);
  EXPECT_EQ(ledger().Expire(At(61)).error().code, ErrorCode::kUnavailable);
  objects().Break(false);
  Reopen();
  EXPECT_EQ(ledger().Expire(At(61)), 1);
  EXPECT_EQ(objects().List("")->size(), 0U);
  EXPECT_EQ(ledger().Entries({.deployment = "d1", .kind = "expired"})->size(), 1U);
}

TEST_P(LedgerContract, OneObjectThatCannotBeDeletedKeepsNoOther) {
  CommitEnded("d1", 60);
  CommitEnded("d2", 60);
  ASSERT_TRUE(ledger().Pack("d1", At(100)).ok());
  ASSERT_TRUE(ledger().Pack("d2", At(100)).ok());
  objects().Pin("ticks/d1-");
  EXPECT_EQ(ledger().Expire(At(61)).error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(objects().List("ticks/d2-")->size(), 0U);
  objects().Pin("");
  EXPECT_EQ(ledger().Expire(At(61)), 1);
}

TEST_P(LedgerContract, SaysWhichObjectIsLostOrDamaged) {
  CommitEnded("d1", 60);
  ASSERT_TRUE(ledger().Pack("d1", At(100)).ok());
  Reopen();
  const std::string name = objects().List("").value().at(0);
  std::string bytes = objects().Get(name).value();
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(objects().Put(name, bytes).ok());
  const auto damaged = ledger().Entries({.deployment = "d1", .kind = "tick"});
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().code, ErrorCode::kDataLoss);
  EXPECT_NE(damaged.error().message.find(name), std::string::npos);
  ASSERT_TRUE(objects().Delete(name).ok());
  const auto lost = ledger().Entries({.deployment = "d1", .kind = "tick"});
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().code, ErrorCode::kDataLoss);
  EXPECT_NE(lost.error().message.find(name), std::string::npos);
}

TEST_P(LedgerContract, ReadersSeeWholeBatchesWhileWritersCommit) {
  constexpr int kWriters = 2;
  constexpr int kBatches = 15;
  std::atomic<int> running{kWriters};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&] {
      for (int i = 0; i < kBatches; ++i) EXPECT_TRUE(ledger().Commit(MakeTicks("d1", 2)).ok());
      --running;
    });
  }
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&] {
      std::size_t seen = 0;
      while (running > 0) {
        const auto entries = All("d1");
        EXPECT_EQ(entries.size() % 3, 0U);
        EXPECT_GE(entries.size(), seen);
        seen = entries.size();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto entries = All("d1");
  EXPECT_EQ(entries.size(), 3U * kWriters * kBatches);
  ExpectChained(entries);
}

KeyedCall Claim(const std::string& key, const std::string& call = "call",
                const std::string& caller = "") {
  return {.caller = caller, .key = key, .call = HashSha256(call)};
}

TEST_P(LedgerContract, AKeyIsTakenOnceAndKeepsItsAnswer) {
  EXPECT_FALSE(ledger().ClaimKey(Claim("k"), At(10), At(0))->has_value());
  EXPECT_EQ((*ledger().ClaimKey(Claim("k"), At(11), At(0)))->answer, "");
  ASSERT_TRUE(ledger().KeepAnswer("", "k", "yes").ok());
  Reopen();
  const auto kept = ledger().ClaimKey(Claim("k", "another call"), At(12), At(0));
  ASSERT_TRUE(kept.ok() && kept->has_value());
  EXPECT_EQ((*kept)->answer, "yes");
  EXPECT_EQ((*kept)->call, HashSha256("call"));
  EXPECT_FALSE(ledger().ClaimKey(Claim("k", "call", "other"), At(12), At(0))->has_value());
  EXPECT_FALSE(ledger().ClaimKey(Claim("l"), At(12), At(0))->has_value());
}

TEST_P(LedgerContract, AKeyIsGivenBackOrExpires) {
  ASSERT_TRUE(ledger().ClaimKey(Claim("back"), At(10), At(0)).ok());
  ASSERT_TRUE(ledger().KeepAnswer("", "back", "").ok());
  EXPECT_FALSE(ledger().ClaimKey(Claim("back"), At(10), At(0))->has_value());
  ASSERT_TRUE(ledger().ClaimKey(Claim("old"), At(10), At(0)).ok());
  ASSERT_TRUE(ledger().KeepAnswer("", "old", "yes").ok());
  EXPECT_TRUE(ledger().ClaimKey(Claim("old"), At(20), At(10))->has_value());
  EXPECT_FALSE(ledger().ClaimKey(Claim("old"), At(20), At(11))->has_value());
}

Batch WithEffect(Batch batch, const KeyedCall& call) {
  batch.effects.push_back({.call = call, .deployment = "d1"});
  return batch;
}

TEST_P(LedgerContract, AnEffectIsStoredWithItsKeyOrNotAtAll) {
  ASSERT_TRUE(ledger().ClaimKey(Claim("k"), At(10), At(0)).ok());
  EXPECT_FALSE((*ledger().ClaimKey(Claim("k"), At(10), At(0)))->effect.has_value());
  ASSERT_TRUE(ledger().Commit(WithEffect(MakeTicks("d1", 1), Claim("k"))).ok());
  Reopen();
  EXPECT_EQ((*ledger().ClaimKey(Claim("k"), At(11), At(0)))->effect, "d1");
  const std::size_t stored = All("d1").size();
  // A second time, from a call that was given up and comes late.
  const auto twice = ledger().Commit(WithEffect(MakeTicks("d1", 1), Claim("k")));
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.error().code, ErrorCode::kConflict);
  EXPECT_EQ(All("d1").size(), stored);
  // It is there for the next to see, whatever the answer was.
  ASSERT_TRUE(ledger().KeepAnswer("", "k", "").ok());
  EXPECT_EQ((*ledger().ClaimKey(Claim("k"), At(11), At(0)))->effect, "d1");
  ExpectChained(All("d1"));
}

TEST_P(LedgerContract, NothingIsDoneForACallThatIsNotClaimed) {
  EXPECT_EQ(ledger().Commit(WithEffect(MakeTicks("d1", 1), Claim("k"))).error().code,
            ErrorCode::kConflict);
  ASSERT_TRUE(ledger().ClaimKey(Claim("k"), At(10), At(0)).ok());
  EXPECT_EQ(ledger().Commit(WithEffect(MakeTicks("d1", 1), Claim("k", "other"))).error().code,
            ErrorCode::kConflict);
  ASSERT_TRUE(ledger().KeepAnswer("", "k", "").ok());  // given back
  EXPECT_EQ(ledger().Commit(WithEffect(MakeTicks("d1", 1), Claim("k"))).error().code,
            ErrorCode::kConflict);
  EXPECT_TRUE(All("d1").empty());
}

TEST_P(LedgerContract, KeysAreOutsideTheChain) {
  ASSERT_TRUE(ledger().Commit(MakeTicks("d1", 2)).ok());
  const auto before = All("d1");
  ASSERT_TRUE(ledger().ClaimKey(Claim("k"), At(10), At(0)).ok());
  ASSERT_TRUE(ledger().KeepAnswer("", "k", "yes").ok());
  const auto next = ledger().Commit(MakeTicks("d1", 1));
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(next->at(0).seq, before.back().seq + 1);
  ExpectChained(All("d1"));
}

INSTANTIATE_TEST_SUITE_P(Every, LedgerContract, ::testing::ValuesIn(AllLedgerRigs()),
                         [](const auto& rig) { return rig.param.name; });

}  // namespace
}  // namespace auspex::storage
