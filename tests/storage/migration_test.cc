#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "auspex/storage/audit.h"
#include "auspex/storage/backup.h"
#include "auspex/storage/filesystem/filesystem_store.h"
#include "auspex/storage/inspection.h"
#include "auspex/storage/sqlite/schema.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "tests/storage/support.h"

// Ledgers of older and newer programs.
namespace auspex::storage {
namespace {

using testing::At;
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

std::string PresentVersion() { return std::to_string(sqlite::kSchemaVersion); }

// As the first version of the program made it, with two entries (hashes as in chain_test.cc).
constexpr const char* kVersion1 = R"sql(
  CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    deployment TEXT NOT NULL,
    kind TEXT NOT NULL,
    body_sha256 BLOB NOT NULL,
    hash BLOB NOT NULL,
    body TEXT
  ) STRICT;
  CREATE INDEX entries_by_deployment ON entries (deployment, seq);
  CREATE INDEX entries_by_kind ON entries (deployment, kind, seq);
  CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
  ) STRICT;
  CREATE TABLE deployments (
    id TEXT PRIMARY KEY,
    service TEXT NOT NULL,
    ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
    started_us INTEGER NOT NULL,
    ended_us INTEGER,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX deployments_by_start ON deployments (started_us, id);
  CREATE TABLE baselines (
    id INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX baselines_by_service ON baselines (service, at_us, id);
  INSERT INTO entries VALUES
    (1, 1700000000000000, 'd1', 'tick',
     x'E7C7D3CA7823B3F49E40DAC5A8E033E084B52969DEB4BE723FE8E7F48A0240F7',
     x'726265DE977F69D16535E2B3506D13273F3156E84E8121196AAC7B34C2E05A33', '{"t_s":10}'),
    (2, -1, '', 'note', x'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',
     x'6C505298A378217B9E32DC12D817089A4A4FF4E2506AA3384FB58CAF9EC90733', '{}');
  INSERT INTO head VALUES
    (1, 2, x'6C505298A378217B9E32DC12D817089A4A4FF4E2506AA3384FB58CAF9EC90733');
  INSERT INTO deployments VALUES ('d1', 'checkout', 1, 0, 1, '{}');
  PRAGMA application_id = 1098216304;
  PRAGMA user_version = 1;
)sql";

TEST(Migration, BringsAVersion1FileToThePresentOne) {
  const TempFolder folder;
  const std::string path = folder.Path("ledger.db");
  RunSql(path, kVersion1);
  EXPECT_EQ(VerifyLedgerFile(path, nullptr).error().code, ErrorCode::kConflict);
  testing::MemoryStore objects;
  SqliteLedgerConfig config = Config(path);
  config.objects = &objects;
  {
    const auto ledger = MustOpen(config);
    EXPECT_EQ(ledger->Entries({.deployment = "d1", .kind = ""})->at(0).body, R"({"t_s":10})");
    ASSERT_TRUE(ledger->Pack("d1", At(1)).ok());
    EXPECT_EQ(ledger->Entries({.deployment = "d1", .kind = ""})->at(0).body, R"({"t_s":10})");
  }
  EXPECT_EQ(testing::AskSql(path, "PRAGMA user_version"), PresentVersion());
  const auto report = VerifyLedgerFile(path, &objects);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(report->Sound()) << report->finding;
  EXPECT_EQ(report->entries, 3);
  EXPECT_EQ(report->packed, 1);
}

TEST(Migration, ThatMeetsAFullDiskChangesNothing) {
  const TempFolder folder;
  SqliteLedgerConfig config = Config(folder.Path("ledger.db"));
  RunSql(config.path, kVersion1);
  config.max_pages = std::stoll(testing::AskSql(config.path, "PRAGMA page_count"));
  const auto full = SqliteLedger::Open(config);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ErrorCode::kUnavailable) << full.error().message;
  EXPECT_EQ(testing::AskSql(config.path, "PRAGMA user_version"), "1");
  config.max_pages = 0;
  EXPECT_EQ(MustOpen(config)->Entries({.deployment = "d1"})->size(), 1U);
  EXPECT_EQ(testing::AskSql(config.path, "PRAGMA user_version"), PresentVersion());
}

// As version 3 left it: a key that was answered, and one that was taken by a daemon that was
// killed.
TEST(Migration, OfAKeyThatVersion3TookAndDidNotAnswerNobodyKnowsTheEffect) {
  const TempFolder folder;
  const std::string path = folder.Path("ledger.db");
  const KeyedCall answered{.caller = "", .key = "answered", .call = HashSha256("call")};
  const KeyedCall taken{.caller = "", .key = "taken", .call = HashSha256("call")};
  {
    const auto ledger = MustOpen(Config(path));
    for (const KeyedCall& call : {answered, taken})
      ASSERT_TRUE(ledger->ClaimKey(call, At(10), At(0)).ok());
    ASSERT_TRUE(ledger->KeepAnswer("", "answered", "yes").ok());
  }
  RunSql(path, "ALTER TABLE keyed_answers DROP COLUMN effect; PRAGMA user_version = 3");
  const auto ledger = MustOpen(Config(path));
  EXPECT_EQ(testing::AskSql(path, "PRAGMA user_version"), PresentVersion());
  const auto first = ledger->ClaimKey(answered, At(11), At(0));
  ASSERT_TRUE(first.ok() && first->has_value());
  EXPECT_EQ((*first)->answer, "yes");
  EXPECT_EQ((*first)->effect, std::nullopt);
  const auto second = ledger->ClaimKey(taken, At(11), At(0));
  ASSERT_TRUE(second.ok() && second->has_value());
  EXPECT_EQ((*second)->effect, "");
}

// tests/storage/data/README.md says how it was made.
class Version2 : public ::testing::Test {
 protected:
  Version2() {
    std::filesystem::copy("tests/storage/data/ledger-v2", folder_.Path(""),
                          std::filesystem::copy_options::recursive);
    objects_ = FilesystemStore::Open(folder_.Path("objects")).value();
  }
  [[nodiscard]] std::string path() const { return folder_.Path("auspex.db"); }
  void ExpectSound(const std::string& path, std::int64_t entries) {
    const auto report = VerifyLedgerFile(path, objects_.get());
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_TRUE(report->Sound()) << report->finding;
    EXPECT_EQ(report->entries, entries);
    EXPECT_EQ(report->packed, 2);
    EXPECT_EQ(report->expired, 6);
    EXPECT_EQ(report->unproven, 0);
  }

  TempFolder folder_;
  std::unique_ptr<ObjectStore> objects_;
};

constexpr const char* kRunning = "checkout-v2-1795629544641";
constexpr std::int64_t kEntries = 30;

TEST_F(Version2, IsReadAndBackedUpBeforeItIsBroughtUpToDate) {
  ExpectSound(path(), kEntries);
  const auto reader = SqliteLedger::OpenReadOnly(path(), objects_.get());
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  EXPECT_EQ((*reader)->Entries({.deployment = kRunning})->size(), 8U);
  const auto seen = InspectLedgerFile(path());
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(seen->version, 2);
  EXPECT_EQ(seen->migrates, sqlite::kSchemaVersion > 2);
  const std::string copy = folder_.Path("copy.db");
  const auto report = BackUpLedger({.ledger = path(), .objects = objects_.get(), .file = copy});
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(testing::AskSql(copy, "PRAGMA user_version"), "2");
  EXPECT_EQ(testing::AskSql(path(), "PRAGMA user_version"), "2");
}

TEST_F(Version2, IsBroughtToThePresentOneWithAllThatItHolds) {
  SqliteLedgerConfig config = Config(path());
  config.objects = objects_.get();
  {
    const auto ledger = MustOpen(config);
    const auto running = ledger->Deployment(kRunning);
    ASSERT_TRUE(running.ok()) << running.error().message;
    EXPECT_FALSE(running->ended);
    EXPECT_EQ(ledger->Deployments({})->size(), 3U);
    EXPECT_EQ(ledger->Baselines("checkout", WallTime())->size(), 2U);
    const auto packed =
        ledger->Entries({.deployment = "checkout-v2-1795629544141", .kind = "tick"});
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    EXPECT_EQ(packed->size(), 2U);
    EXPECT_EQ(ledger->Entries({.deployment = "checkout-v2-1795629537804"}).error().code,
              ErrorCode::kNotFound);
    EXPECT_EQ(ledger->Commit(testing::MakeTicks(kRunning, 1))->front().seq, kEntries + 1);
  }
  EXPECT_EQ(testing::AskSql(path(), "PRAGMA user_version"), PresentVersion());
  ExpectSound(path(), kEntries + 2);
  EXPECT_EQ(testing::AskSql(path(), "SELECT lower(hex(hash)) FROM entries WHERE seq = 30"),
            "291af35e8d5d09c76d1037edb706a50dfa4d421627c8ec4137e6636fbccd0ab1");
}

// A program of today meets what the next one wrote.
TEST_F(Version2, OfANewerProgramIsRefusedInASentenceAndLeftAlone) {
  ASSERT_NE(MustOpen(Config(path())), nullptr);
  RunSql(path(), fmt::format("CREATE TABLE news (x INTEGER) STRICT; PRAGMA user_version = {}",
                             sqlite::kSchemaVersion + 1));
  const std::string before = testing::ReadFile(path());
  const auto expect_refused = [&](const Error& error) {
    EXPECT_EQ(error.code, ErrorCode::kConflict) << error.message;
    EXPECT_EQ(error.message,
              fmt::format("'{}' has ledger version {} and this program knows versions up to {}: "
                          "use the newer program that wrote it",
                          path(), sqlite::kSchemaVersion + 1, sqlite::kSchemaVersion));
  };
  expect_refused(SqliteLedger::Open(Config(path())).error());
  expect_refused(SqliteLedger::OpenReadOnly(path(), nullptr).error());
  expect_refused(VerifyLedgerFile(path(), nullptr).error());
  expect_refused(InspectLedgerFile(path()).error());
  expect_refused(BackUpLedger({.ledger = path(), .file = folder_.Path("copy.db")}).error());
  EXPECT_EQ(testing::ReadFile(path()), before);
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("copy.db.partial")));
}

}  // namespace
}  // namespace auspex::storage
