#include "auspex/storage/sqlite/sqlite_ledger.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "auspex/storage/audit.h"
#include "auspex/storage/inspection.h"
#include "tests/storage/support.h"

// What only the SQLite adapter can show; the port's promises are in ledger_contract_test.cc.
namespace auspex::storage {
namespace {

using testing::At;
using testing::MakeEnded;
using testing::MakeEntry;
using testing::MakeTicks;
using testing::RunSql;
using testing::TempFolder;

SqliteLedgerConfig Config(std::string path) {
  SqliteLedgerConfig config;
  config.path = std::move(path);
  return config;
}

std::unique_ptr<Ledger> MustOpen(const SqliteLedgerConfig& config) {
  auto ledger = SqliteLedger::Open(config);
  EXPECT_TRUE(ledger.ok()) << ledger.error().message;
  return *std::move(ledger);
}

void ExpectRefused(const SqliteLedgerConfig& config, ErrorCode code, const std::string& words) {
  const auto ledger = SqliteLedger::Open(config);
  ASSERT_FALSE(ledger.ok());
  EXPECT_EQ(ledger.error().code, code) << ledger.error().message;
  EXPECT_NE(ledger.error().message.find(words), std::string::npos) << ledger.error().message;
}

void ExpectSound(const std::string& path, std::int64_t entries) {
  const auto report = VerifyLedgerFile(path, nullptr);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(report->Sound()) << report->finding;
  EXPECT_EQ(report->entries, entries);
}

TEST(SqliteLedger, MakesItsFolderAndAFileThatSaysWhatItIs) {
  const TempFolder folder;
  const std::string path = folder.Path("new/deep/100% #1?.db");
  ASSERT_TRUE(MustOpen(Config(path))->Commit(MakeTicks("d1", 1)).ok());
  EXPECT_EQ(testing::AskSql(path, "PRAGMA application_id"), std::to_string(0x41757370));
  EXPECT_EQ(testing::AskSql(path, "PRAGMA journal_mode"), "wal");
  ExpectSound(path, 2);
}

TEST(SqliteLedger, TellsASecondOpenerWhoHasIt) {
  const TempFolder folder;
  SqliteLedgerConfig config = Config(folder.Path("ledger.db"));
  config.address = "127.0.0.1:8400";
  {
    const auto first = MustOpen(config);
    const std::string words = fmt::format("process {} at 127.0.0.1:8400", getpid());
    ExpectRefused(config, ErrorCode::kConflict, words);
    const int status = testing::InChild([&] {
      const auto second = SqliteLedger::Open(config);
      return !second.ok() && second.error().code == ErrorCode::kConflict &&
                     second.error().message.find(words) != std::string::npos
                 ? 0
                 : 1;
    });
    EXPECT_EQ(status, 0);
    // The refused ones have not touched the first one's lock.
    ExpectRefused(config, ErrorCode::kConflict, words);
  }
  EXPECT_TRUE(SqliteLedger::Open(config).ok());
}

TEST(SqliteLedger, LocksTheFileByWhateverName) {
  const TempFolder folder;
  const auto first = MustOpen(Config(folder.Path("ledger.db")));
  std::filesystem::create_symlink(folder.Path("ledger.db"), folder.Path("other.db"));
  ExpectRefused(Config(folder.Path("other.db")), ErrorCode::kConflict, "in use by process");
  ExpectRefused(Config(folder.Path("./ledger.db")), ErrorCode::kConflict, "in use by process");
}

TEST(SqliteLedger, RefusesWhatIsNotALedgerAndLeavesItAlone) {
  const TempFolder folder;
  for (const std::string& text : {std::string("hello"), std::string(9000, 'x')}) {
    testing::WriteFile(folder.Path("text.db"), text);
    ExpectRefused(Config(folder.Path("text.db")), ErrorCode::kDataLoss, "text.db");
    EXPECT_EQ(testing::ReadFile(folder.Path("text.db")), text);
  }
  const std::string other = folder.Path("other.db");
  RunSql(other, "CREATE TABLE t (x)");
  const std::string before = testing::ReadFile(other);
  ExpectRefused(Config(other), ErrorCode::kInvalidArgument, "other.db' is a SQLite database but");
  EXPECT_EQ(testing::ReadFile(other), before);
}

TEST(SqliteLedger, RefusesABadConfiguration) {
  ExpectRefused(Config(""), ErrorCode::kInvalidArgument, "path");
  const TempFolder folder;
  SqliteLedgerConfig config = Config(folder.Path("ledger.db"));
  config.busy_timeout = 2min;
  ExpectRefused(config, ErrorCode::kInvalidArgument, "busy_timeout");
  config.busy_timeout = 2s;
  config.max_pages = -1;
  ExpectRefused(config, ErrorCode::kInvalidArgument, "max_pages");
}

TEST(SqliteLedger, KeepsNoMoreKeysThanItMay) {
  const TempFolder folder;
  const std::string path = folder.Path("ledger.db");
  ASSERT_NE(MustOpen(Config(path)), nullptr);
  RunSql(path, fmt::format(
                   "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
                   "INSERT INTO keyed_answers (id, caller, key, call, at_us, answer) "
                   "SELECT i, '', 'k' || i, zeroblob(32), 0, 'yes' FROM n",
                   kMaxKeptAnswers));
  const auto ledger = MustOpen(Config(path));
  const KeyedCall next{.caller = "", .key = "next", .call = {}};
  EXPECT_FALSE(ledger->ClaimKey(next, At(1), FromMicros(0))->has_value());
  EXPECT_EQ(testing::AskSql(path, "SELECT count(*) FROM keyed_answers"),
            std::to_string(kMaxKeptAnswers));
  EXPECT_EQ(testing::AskSql(path, "SELECT min(id) FROM keyed_answers"), "2");
}

TEST(SqliteLedger, RefusesToWriteBehindADamagedEnd) {
  const TempFolder folder;
  const std::string path = folder.Path("ledger.db");
  ASSERT_TRUE(MustOpen(Config(path))->Commit(MakeTicks("d1", 3)).ok());
  RunSql(path, "DELETE FROM entries WHERE seq = 4");
  ExpectRefused(Config(path), ErrorCode::kDataLoss, "ends with entry 3");
  const auto reader = SqliteLedger::OpenReadOnly(path, nullptr);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->Entries({.deployment = "d1", .kind = ""})->size(), 3U);
}

TEST(SqliteLedger, ReadsAlongWhileAnotherWrites) {
  const TempFolder folder;
  const std::string path = folder.Path("ledger.db");
  const auto writer = MustOpen(Config(path));
  ASSERT_TRUE(writer->Commit(MakeTicks("d1", 3)).ok());
  const auto reader = SqliteLedger::OpenReadOnly(path, nullptr);
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  EXPECT_EQ((*reader)->Entries({.deployment = "d1", .kind = ""})->size(), 4U);
  ASSERT_TRUE(writer->Commit(MakeTicks("d1", 3)).ok());
  EXPECT_EQ((*reader)->Entries({.deployment = "d1", .kind = ""})->size(), 8U);
  EXPECT_EQ((*reader)->Commit(MakeTicks("d1", 1)).error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ((*reader)->Pack("d1", At(0)).error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ((*reader)->Expire(At(0)).error().code, ErrorCode::kPermissionDenied);
}

TEST(SqliteLedger, ReadsNoFileThatIsNotThere) {
  const TempFolder folder;
  const auto reader = SqliteLedger::OpenReadOnly(folder.Path("absent.db"), nullptr);
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder.Path("absent.db")));
}

TEST(SqliteLedger, NeedsAnObjectStoreToPack) {
  const TempFolder folder;
  const auto ledger = MustOpen(Config(folder.Path("ledger.db")));
  EXPECT_EQ(ledger->Pack("d1", At(0)).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ledger->Expire(At(0)).error().code, ErrorCode::kInvalidArgument);
}

TEST(SqliteLedger, DatesAnExpiryByItsClock) {
  const TempFolder folder;
  const SimulatedClock clock(At(500));
  testing::MemoryStore objects;
  SqliteLedgerConfig config = Config(folder.Path("ledger.db"));
  config.objects = &objects;
  config.clock = &clock;
  const auto ledger = MustOpen(config);
  Batch batch = MakeTicks("d1", 2);
  batch.deployments = {MakeEnded("d1", 0, 1)};
  ASSERT_TRUE(ledger->Commit(batch).ok());
  ASSERT_TRUE(ledger->Pack("d1", At(2)).ok());
  ASSERT_EQ(ledger->Expire(At(3)), 1);
  EXPECT_EQ(ledger->Entries({.deployment = "d1", .kind = "expired"})->at(0).at, At(500));
}

TEST(SqliteLedger, SaysThatAFolderIsReadOnly) {
  const TempFolder folder;
  ASSERT_EQ(chmod(folder.Path("").c_str(), 0555), 0);
  const int status = testing::InUnprivilegedChild([&] {
    const auto ledger = SqliteLedger::Open(Config(folder.Path("ledger.db")));
    if (ledger.ok() || ledger.error().code != ErrorCode::kPermissionDenied) return 1;
    const auto deep = SqliteLedger::Open(Config(folder.Path("new/ledger.db")));
    return deep.ok() || deep.error().code != ErrorCode::kPermissionDenied ? 2 : 0;
  });
  EXPECT_EQ(status, 0);
  ASSERT_EQ(chmod(folder.Path("").c_str(), 0755), 0);
}

TEST(SqliteLedger, SaysThatAFileIsReadOnly) {
  const TempFolder folder;
  const std::string path = folder.Path("ledger.db");
  ASSERT_NE(MustOpen(Config(path)), nullptr);
  ASSERT_EQ(chmod(folder.Path("").c_str(), 0777), 0);
  ASSERT_EQ(chmod(path.c_str(), 0444), 0);
  ASSERT_EQ(chmod((path + ".lock").c_str(), 0666), 0);
  const int status = testing::InUnprivilegedChild([&] {
    const auto ledger = SqliteLedger::Open(Config(path));
    if (ledger.ok()) return 1;
    return ledger.error().code == ErrorCode::kPermissionDenied ? 0 : 2;
  });
  EXPECT_EQ(status, 0);
}

TEST(SqliteLedger, SurvivesGarbageInTheMiddleOfItsFile) {
  const TempFolder folder;
  const std::string path = folder.Path("ledger.db");
  ASSERT_TRUE(MustOpen(Config(path))->Commit(MakeTicks("d1", 2000)).ok());
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
  int lost = 0;
  for (std::int64_t offset = 3 * 4096; offset + 4096 < bytes; offset += 5 * 4096) {
    const std::string good = testing::ReadFile(path).substr(static_cast<std::size_t>(offset), 4096);
    testing::Overwrite(path, offset, std::string(4096, '\xa5'));
    const auto report = VerifyLedgerFile(path, nullptr);
    EXPECT_TRUE(report.ok() ? !report->Sound() : report.error().code == ErrorCode::kDataLoss);
    const auto ledger = SqliteLedger::Open(Config(path));
    if (ledger.ok()) {
      const auto entries =
          (*ledger)->Entries({.deployment = "d1", .kind = "", .after = 0, .limit = 5000});
      if (!entries.ok()) {
        EXPECT_EQ(entries.error().code, ErrorCode::kDataLoss) << entries.error().message;
        ++lost;
      }
    } else {
      EXPECT_EQ(ledger.error().code, ErrorCode::kDataLoss) << ledger.error().message;
      ++lost;
    }
    testing::Overwrite(path, offset, good);
  }
  EXPECT_GT(lost, 0);
  ExpectSound(path, 2001);
}

// A page that only a commit meets.
TEST(SqliteLedger, ACommitThatMeetsADamagedPageSaysSo) {
  const TempFolder folder;
  const std::string good = folder.Path("good.db");
  ASSERT_TRUE(MustOpen(Config(good))->Commit(MakeTicks("d1", 200)).ok());
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(good));
  int refused = 0;
  for (std::int64_t offset = 4096; offset < bytes; offset += 4096) {
    const std::string path = folder.Path(fmt::format("damaged{}.db", offset));
    std::filesystem::copy_file(good, path);
    testing::Overwrite(path, offset, std::string(4096, '\xa5'));
    const auto ledger = SqliteLedger::Open(Config(path));
    if (!ledger.ok()) {
      EXPECT_EQ(ledger.error().code, ErrorCode::kDataLoss) << ledger.error().message;
      continue;
    }
    const auto stored = (*ledger)->Commit(MakeTicks("d1", 1));
    if (stored.ok()) continue;
    EXPECT_EQ(stored.error().code, ErrorCode::kDataLoss) << stored.error().message;
    EXPECT_NE(stored.error().message.find(path), std::string::npos) << stored.error().message;
    ++refused;
  }
  EXPECT_GT(refused, 0);
}

TEST(SqliteLedger, SaysWhichEntryOfAReadIsDamaged) {
  const TempFolder folder;
  const std::string path = folder.Path("ledger.db");
  const auto ledger = MustOpen(Config(path));
  ASSERT_TRUE(ledger->Commit(MakeTicks("d1", 3)).ok());
  RunSql(path, "UPDATE entries SET body = '{}' WHERE seq = 2");
  const auto entries = ledger->Entries({.deployment = "d1", .kind = ""});
  ASSERT_FALSE(entries.ok());
  EXPECT_EQ(entries.error().code, ErrorCode::kDataLoss);
  EXPECT_NE(entries.error().message.find("entry 2"), std::string::npos);
}

TEST(SqliteLedger, DoesNotPackADamagedBody) {
  const TempFolder folder;
  testing::MemoryStore objects;
  SqliteLedgerConfig config = Config(folder.Path("ledger.db"));
  config.objects = &objects;
  const auto ledger = MustOpen(config);
  Batch batch = MakeTicks("d1", 3);
  batch.deployments = {MakeEnded("d1", 0, 1)};
  ASSERT_TRUE(ledger->Commit(batch).ok());
  RunSql(config.path, "UPDATE entries SET body = '{}' WHERE seq = 2");
  const auto packed = ledger->Pack("d1", At(9));
  ASSERT_FALSE(packed.ok());
  EXPECT_EQ(packed.error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(objects.List("")->size(), 0U);
}

TEST(SqliteLedger, RefusesToCommitBehindAnotherWriter) {
  const TempFolder folder;
  const std::string path = folder.Path("ledger.db");
  const auto ledger = MustOpen(Config(path));
  ASSERT_TRUE(ledger->Commit(MakeTicks("d1", 1)).ok());
  RunSql(path, "UPDATE head SET seq = 1; DELETE FROM entries WHERE seq = 2");
  EXPECT_EQ(ledger->Commit(MakeTicks("d1", 1)).error().code, ErrorCode::kConflict);
  EXPECT_EQ(testing::AskSql(path, "SELECT count(*) FROM entries"), "1");
}

TEST(SqliteLedger, WaitsNoLongerThanItsTimeoutForALock) {
  const TempFolder folder;
  SqliteLedgerConfig config = Config(folder.Path("ledger.db"));
  config.busy_timeout = 10ms;
  const auto ledger = MustOpen(config);
  ASSERT_TRUE(ledger->Commit(MakeTicks("d1", 1)).ok());
  {
    const testing::WriteLock other(config.path);
    const auto stored = ledger->Commit(MakeTicks("d1", 1));
    ASSERT_FALSE(stored.ok());
    EXPECT_EQ(stored.error().code, ErrorCode::kUnavailable) << stored.error().message;
  }
  EXPECT_EQ(ledger->Commit(MakeTicks("d1", 1))->front().seq, 3);
}

TEST(SqliteLedger, AFullFileFailsOneCommitAndNotTheNext) {
  const TempFolder folder;
  SqliteLedgerConfig config = Config(folder.Path("ledger.db"));
  config.max_pages = 40;
  const auto ledger = MustOpen(config);
  ASSERT_TRUE(ledger->Commit(MakeTicks("d1", 3)).ok());
  Batch large = MakeTicks("d1", 2);
  large.entries.push_back(MakeEntry("d1", "note", '"' + std::string(300'000, 'x') + '"', 0));
  large.deployments = {testing::MakeDeployment("d1", 0)};
  const auto full = ledger->Commit(large);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ErrorCode::kUnavailable) << full.error().message;
  EXPECT_NE(full.error().message.find("full"), std::string::npos) << full.error().message;
  EXPECT_FALSE(ledger->Deployment("d1").ok());
  const auto next = ledger->Commit(MakeTicks("d1", 1));
  ASSERT_TRUE(next.ok()) << next.error().message;
  EXPECT_EQ(next->front().seq, 5);
  ExpectSound(config.path, 6);
}

// The write-ahead log meets the limit here, as it meets a full disk.
TEST(SqliteLedger, ALogThatCannotGrowFailsOneCommitAndNotTheNext) {
  const TempFolder folder;
  const SqliteLedgerConfig config = Config(folder.Path("ledger.db"));
  const int status = testing::InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const auto ledger = SqliteLedger::Open(config);
    if (!ledger.ok() || !(*ledger)->Commit(MakeTicks("d1", 3)).ok()) return 1;
    rlimit limit{};
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    limit.rlim_cur = 300'000;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 3;
    Batch large = MakeTicks("d1", 2);
    large.entries.push_back(MakeEntry("d1", "note", '"' + std::string(400'000, 'x') + '"', 0));
    const auto full = (*ledger)->Commit(large);
    if (full.ok() || full.error().code != ErrorCode::kUnavailable) return 4;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 5;
    const auto next = (*ledger)->Commit(large);
    return next.ok() && next->front().seq == 5 ? 0 : 6;
  });
  EXPECT_EQ(status, 0);
  ExpectSound(config.path, 8);
}

TEST(SqliteLedger, AFullDiskFailsCommitsUntilThereIsSpace) {
  const TempFolder folder;
  const std::string disk = folder.Path("disk");
  const int status = testing::OnSmallDisk(disk, 1024, [&] {
    const auto config = Config(disk + "/ledger.db");
    const auto ledger = SqliteLedger::Open(config);
    AUSPEX_MUST(1, ledger.ok() && (*ledger)->Commit(MakeTicks("d1", 3)).ok());
    AUSPEX_MUST(2, testing::FillDisk(disk));
    for (int i = 0; i < 3; ++i) {
      const auto full = (*ledger)->Commit(MakeTicks("d1", 100));
      AUSPEX_MUST(3, !full.ok() && full.error().code == ErrorCode::kUnavailable);
      AUSPEX_MUST(4, full.error().message.find("is full") != std::string::npos);
      AUSPEX_MUST(5, (*ledger)->Entries({.deployment = "d1"})->size() == 4U);
    }
    AUSPEX_MUST(6, testing::FreeDisk(disk));
    const auto next = (*ledger)->Commit(MakeTicks("d1", 100));
    AUSPEX_MUST(7, next.ok() && next->front().seq == 5);
    const auto report = VerifyLedgerFile(config.path, nullptr);
    AUSPEX_MUST(8, report.ok() && report->Sound() && report->entries == 105);
    return 0;
  });
  if (status == testing::kNoMount) GTEST_SKIP() << "this process may not mount a file system";
  EXPECT_EQ(status, 0);
}

TEST(SqliteLedger, IsNotMadeOnAFullDiskAndLeavesItsPlaceUsable) {
  const TempFolder folder;
  const std::string disk = folder.Path("disk");
  const int status = testing::OnSmallDisk(disk, 1024, [&] {
    AUSPEX_MUST(1, testing::FillDisk(disk));
    const auto refused = SqliteLedger::Open(Config(disk + "/ledger.db"));
    AUSPEX_MUST(2, !refused.ok() && refused.error().code == ErrorCode::kUnavailable);
    AUSPEX_MUST(3, testing::FreeDisk(disk));
    AUSPEX_MUST(4, SqliteLedger::Open(Config(disk + "/ledger.db")).ok());
    return 0;
  });
  if (status == testing::kNoMount) GTEST_SKIP() << "this process may not mount a file system";
  EXPECT_EQ(status, 0);
}

// Root may write to any file, but not to this disk.
TEST(SqliteLedger, OnAReadOnlyDiskIsReadAndNotWritten) {
  const TempFolder folder;
  const std::string disk = folder.Path("disk");
  const int status = testing::OnSmallDisk(disk, 1024, [&] {
    const auto config = Config(disk + "/ledger.db");
    AUSPEX_MUST(1, SqliteLedger::Open(config).value()->Commit(MakeTicks("d1", 3)).ok());
    AUSPEX_MUST(2, testing::MakeReadOnly(disk));
    const auto refused = SqliteLedger::Open(config);
    AUSPEX_MUST(3, !refused.ok() && refused.error().code == ErrorCode::kPermissionDenied);
    AUSPEX_MUST(4, refused.error().message.find("Read-only file system") != std::string::npos);
    const auto reader = SqliteLedger::OpenReadOnly(config.path, nullptr);
    AUSPEX_MUST(5, reader.ok() && (*reader)->Entries({.deployment = "d1"})->size() == 4U);
    const auto report = VerifyLedgerFile(config.path, nullptr);
    AUSPEX_MUST(6, report.ok() && report->Sound());
    const auto seen = InspectLedgerFile(config.path);
    AUSPEX_MUST(7, seen.ok() && !seen->writable && seen->last_seq == 4);
    return 0;
  });
  if (status == testing::kNoMount) GTEST_SKIP() << "this process may not mount a file system";
  EXPECT_EQ(status, 0);
}

TEST(SqliteLedger, WritesNothingToAFileThatIsNoLongerThere) {
  const TempFolder folder;
  const std::string path = folder.Path("ledger.db");
  const auto ledger = MustOpen(Config(path));
  ASSERT_TRUE(ledger->Commit(MakeTicks("d1", 1)).ok());
  std::filesystem::rename(path, folder.Path("moved.db"));
  const auto refused = ledger->Commit(MakeTicks("d2", 1));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss);
  EXPECT_NE(refused.error().message.find("removed or replaced"), std::string::npos);
  EXPECT_EQ(ledger->Deployments({}).error().code, ErrorCode::kDataLoss);
  const auto seen = InspectLedgerFile(path);
  ASSERT_TRUE(seen.ok()) << seen.error().message;
  EXPECT_FALSE(seen->exists);
  EXPECT_TRUE(seen->holder.has_value());
  // Another file by its name is not it either.
  testing::WriteFile(path, "");
  EXPECT_EQ(ledger->Commit(MakeTicks("d2", 1)).error().code, ErrorCode::kDataLoss);
  std::filesystem::rename(folder.Path("moved.db"), path);
  EXPECT_TRUE(ledger->Commit(MakeTicks("d2", 1)).ok());
}

TEST(InspectLedger, SeesItFromOutsideAndMakesNoFile) {
  const TempFolder folder;
  const std::string path = folder.Path("ledger.db");
  const auto absent = InspectLedgerFile(folder.Path("deep/er/ledger.db"));
  ASSERT_TRUE(absent.ok()) << absent.error().message;
  EXPECT_FALSE(absent->exists);
  EXPECT_TRUE(absent->writable);
  EXPECT_GT(absent->free_bytes, 0);
  SqliteLedgerConfig config = Config(path);
  config.address = "127.0.0.1:8400";
  {
    const auto ledger = MustOpen(config);
    Batch batch = MakeTicks("d1", 3);
    batch.deployments = {testing::MakeDeployment("d1", 0)};
    ASSERT_TRUE(ledger->Commit(batch).ok());
    const auto held = InspectLedgerFile(path);
    ASSERT_TRUE(held.ok()) << held.error().message;
    ASSERT_TRUE(held->holder.has_value());
    EXPECT_EQ(held->holder->pid, std::to_string(getpid()));
    EXPECT_EQ(held->holder->address, "127.0.0.1:8400");
    EXPECT_EQ(held->last_seq, 4);
    EXPECT_EQ(held->running, 1);
  }
  const auto left = InspectLedgerFile(path);
  ASSERT_TRUE(left.ok()) << left.error().message;
  EXPECT_FALSE(left->holder.has_value());
  EXPECT_EQ(left->last_seq, 4);
  EXPECT_FALSE(left->migrates);
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
  EXPECT_FALSE(std::filesystem::exists(path + "-shm"));
  // The rest of a holder that was killed holds nothing.
  testing::WriteFile(path + ".lock", "4711 127.0.0.1:8400\n");
  EXPECT_FALSE(InspectLedgerFile(path)->holder.has_value());
  testing::WriteFile(folder.Path("text.db"), std::string(5000, 'x'));
  EXPECT_EQ(InspectLedgerFile(folder.Path("text.db")).error().code, ErrorCode::kDataLoss);
}

}  // namespace
}  // namespace auspex::storage
