#include "auspex/storage/audit.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "tests/storage/support.h"

namespace auspex::storage {
namespace {

using testing::At;
using testing::MakeEnded;
using testing::MakeTicks;
using testing::RunSql;

// Two deployments whose entries alternate; d1 is packed: entries 1..12 and a "packed" 13.
class Audited {
 public:
  Audited() {
    const auto ledger = Open();
    for (const char* const id : {"d1", "d2"}) {
      Batch batch = MakeTicks(id, 5);
      batch.deployments = {MakeEnded(id, 0, 60)};
      EXPECT_TRUE(ledger->Commit(batch).ok());
    }
    EXPECT_TRUE(ledger->Pack("d1", At(100)).ok());
  }

  std::unique_ptr<Ledger> Open() {
    SqliteLedgerConfig config;
    config.path = path();
    config.objects = &objects_;
    auto ledger = SqliteLedger::Open(config);
    EXPECT_TRUE(ledger.ok()) << ledger.error().message;
    return *std::move(ledger);
  }
  AuditReport Verify() {
    const auto report = VerifyLedgerFile(path(), &objects_);
    EXPECT_TRUE(report.ok()) << report.error().message;
    return report.value_or(AuditReport{});
  }
  [[nodiscard]] std::string path() const { return folder_.Path("ledger.db"); }
  testing::MemoryStore& objects() { return objects_; }
  std::string ObjectName() { return objects_.List("").value().at(0); }

 private:
  testing::TempFolder folder_;
  testing::MemoryStore objects_;
};

constexpr std::int64_t kEntries = 13;

TEST(Audit, FindsNothingInASoundLedger) {
  Audited audited;
  const AuditReport report = audited.Verify();
  EXPECT_TRUE(report.Sound()) << report.finding;
  EXPECT_FALSE(report.broken_seq);
  EXPECT_EQ(report.entries, kEntries);
  EXPECT_EQ(report.packed, 5);
  EXPECT_EQ(report.expired, 0);
  EXPECT_EQ(report.unproven, 0);
  EXPECT_EQ(report.head_seq, kEntries);
}

TEST(Audit, CountsExpiredBodies) {
  Audited audited;
  ASSERT_EQ(audited.Open()->Expire(At(61)), 1);
  const AuditReport report = audited.Verify();
  EXPECT_TRUE(report.Sound()) << report.finding;
  EXPECT_EQ(report.entries, kEntries + 1);
  EXPECT_EQ(report.packed, 0);
  EXPECT_EQ(report.expired, 5);
}

TEST(Audit, WithoutAnObjectStoreSaysWhatItCouldNotProve) {
  Audited audited;
  const auto report = VerifyLedgerFile(audited.path(), nullptr);
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->Sound());
  EXPECT_EQ(report->unproven, 5);
}

TEST(Audit, AnEmptyLedgerIsSound) {
  const testing::TempFolder folder;
  SqliteLedgerConfig config;
  config.path = folder.Path("ledger.db");
  ASSERT_TRUE(SqliteLedger::Open(config).ok());
  const auto report = VerifyLedgerFile(config.path, nullptr);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(report->Sound());
  EXPECT_EQ(report->entries, 0);
}

// The statement that flips one bit of a column's byte, or of the number.
std::string FlipSql(const std::string& path, const std::string& column, std::int64_t seq) {
  const std::string where = fmt::format("WHERE seq = {}", seq);
  if (column == "at_us" || column == "seq") {
    const int bit = *rc::gen::inRange(0, 62);
    return fmt::format("UPDATE entries SET {0} = ({0} | {1}) - ({0} & {1}) {2}", column,
                       std::int64_t{1} << bit, where);
  }
  std::string hex =
      testing::AskSql(path, fmt::format("SELECT hex({}) FROM entries {}", column, where));
  const auto digit = static_cast<std::size_t>(*rc::gen::inRange(0, static_cast<int>(hex.size())));
  const int value = std::stoi(hex.substr(digit, 1), nullptr, 16);
  hex[digit] = fmt::format("{:X}", value ^ (1 << *rc::gen::inRange(0, 4)))[0];
  const bool text = column == "body" || column == "kind" || column == "deployment";
  return fmt::format("UPDATE entries SET {} = {} {}", column,
                     text ? fmt::format("CAST(x'{}' AS TEXT)", hex) : fmt::format("x'{}'", hex),
                     where);
}

RC_GTEST_PROP(AuditProperty, NamesTheEntryWhoseByteWasFlipped, ()) {
  Audited audited;
  const std::string column = *rc::gen::element<std::string>("body", "body_sha256", "kind",
                                                            "deployment", "at_us", "hash", "seq");
  // The bodies of entries 1 to 5 are packed.
  const std::int64_t seq = *rc::gen::inRange<std::int64_t>(column == "body" ? 6 : 1, kEntries + 1);
  const std::string sql = FlipSql(audited.path(), column, seq);
  RC_LOG(sql);
  // A flipped seq can meet another entry's; then SQLite refuses, and so nothing was changed.
  if (column == "seq") {
    RunSql(audited.path(), "UPDATE OR IGNORE" + sql.substr(6));
    if (testing::AskSql(audited.path(),
                        "SELECT count(*) FROM entries WHERE seq = " + std::to_string(seq)) == "1") {
      RC_DISCARD("the other seq is taken");
    }
  } else {
    RunSql(audited.path(), sql);
  }
  const AuditReport report = audited.Verify();
  RC_LOG(report.finding);
  RC_ASSERT(!report.Sound());
  // A seq below all others stands before the first entry, which is then the missing one.
  const std::string low = testing::AskSql(audited.path(), "SELECT min(seq) FROM entries");
  const bool first = column == "seq" && std::stoll(low) < 1;
  RC_ASSERT(report.broken_seq == (first ? 1 : seq));
  RC_ASSERT(report.finding.find(fmt::format("entry {}", *report.broken_seq)) == 0U);
}

RC_GTEST_PROP(AuditProperty, NamesAnEntryThatWasDeleted, ()) {
  Audited audited;
  const auto seq = *rc::gen::inRange<std::int64_t>(1, kEntries + 1);
  RunSql(audited.path(), fmt::format("DELETE FROM entries WHERE seq = {}", seq));
  const AuditReport report = audited.Verify();
  RC_ASSERT(report.broken_seq == seq);
  RC_ASSERT(report.finding.find("is missing") != std::string::npos);
}

TEST(Audit, NamesTheFirstOfEntriesCutOffTheEnd) {
  Audited audited;
  RunSql(audited.path(), "DELETE FROM entries WHERE seq > 7");
  const AuditReport report = audited.Verify();
  EXPECT_EQ(report.broken_seq, 8);
  EXPECT_EQ(report.finding, "entry 8 is missing: the head says 13");
  RunSql(audited.path(), "DELETE FROM entries");
  EXPECT_EQ(audited.Verify().broken_seq, 1);
}

TEST(Audit, FindsATamperedHead) {
  Audited audited;
  RunSql(audited.path(), "UPDATE head SET hash = zeroblob(32)");
  EXPECT_EQ(audited.Verify().broken_seq, kEntries);
  RunSql(audited.path(), "UPDATE head SET seq = 9");
  EXPECT_EQ(audited.Verify().broken_seq, 10);
  RunSql(audited.path(), "UPDATE head SET hash = x'00'");
  EXPECT_FALSE(audited.Verify().Sound());
  RunSql(audited.path(), "DELETE FROM head");
  EXPECT_FALSE(audited.Verify().Sound());
}

TEST(Audit, FindsAnyFlippedByteOfAPackedObject) {
  Audited audited;
  const std::string name = audited.ObjectName();
  const std::string bytes = audited.objects().Get(name).value();
  for (std::size_t i = 0; i < bytes.size(); i += 7) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    ASSERT_TRUE(audited.objects().Put(name, flipped).ok());
    const AuditReport report = audited.Verify();
    EXPECT_EQ(report.broken_seq, 1) << i;
    EXPECT_NE(report.finding.find(name), std::string::npos) << report.finding;
  }
}

TEST(Audit, FindsALostObject) {
  Audited audited;
  const std::string name = audited.ObjectName();
  ASSERT_TRUE(audited.objects().Delete(name).ok());
  const AuditReport report = audited.Verify();
  EXPECT_EQ(report.broken_seq, 1);
  EXPECT_NE(report.finding.find("is missing"), std::string::npos) << report.finding;
  // To say that it expired takes more than a mark beside the chain.
  RunSql(audited.path(), "UPDATE packs SET state = 2");
  EXPECT_EQ(audited.Verify().broken_seq, 1);
}

TEST(Audit, FindsTamperedPacks) {
  for (const char* const sql :
       {"UPDATE packs SET sha256 = zeroblob(32)", "UPDATE packs SET name = 'ticks/other'",
        "UPDATE packs SET id = 77", "UPDATE entries SET pack = NULL",
        "UPDATE entries SET pack = 5 WHERE seq = 1"}) {
    Audited audited;
    RunSql(audited.path(), sql);
    const AuditReport report = audited.Verify();
    EXPECT_EQ(report.broken_seq, 1) << sql << ": " << report.finding;
  }
  Audited audited;
  RunSql(audited.path(), "UPDATE entries SET body = NULL, pack = 1 WHERE seq = 9");
  EXPECT_EQ(audited.Verify().broken_seq, 9);
}

TEST(Audit, FindsADamagedIndex) {
  Audited audited;
  RunSql(audited.path(),
         "PRAGMA writable_schema = ON; "
         "UPDATE sqlite_schema SET sql = replace(sql, '(deployment, seq)', '(kind, seq)') "
         "WHERE name = 'entries_by_deployment'");
  const AuditReport report = audited.Verify();
  EXPECT_FALSE(report.Sound());
  EXPECT_FALSE(report.broken_seq);
  EXPECT_NE(report.finding.find("entries_by_deployment"), std::string::npos) << report.finding;
}

TEST(Audit, ChangesNothing) {
  Audited audited;
  const std::string before = testing::ReadFile(audited.path());
  static_cast<void>(audited.Verify());
  EXPECT_EQ(testing::ReadFile(audited.path()), before);
}

TEST(Audit, ReadsALedgerInAFolderItMayNotWrite) {
  Audited audited;
  const std::string folder = std::filesystem::path(audited.path()).parent_path().string();
  ASSERT_EQ(chmod(folder.c_str(), 0555), 0);
  ASSERT_EQ(chmod(audited.path().c_str(), 0444), 0);
  const int status = testing::InUnprivilegedChild([&] {
    const auto report = VerifyLedgerFile(audited.path(), nullptr);
    return report.ok() && report->Sound() && report->entries == kEntries ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
  ASSERT_EQ(chmod(folder.c_str(), 0755), 0);
}

TEST(Audit, SaysWhatIsNoLedger) {
  const testing::TempFolder folder;
  EXPECT_EQ(VerifyLedgerFile(folder.Path("absent.db"), nullptr).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder.Path("absent.db")));
  testing::WriteFile(folder.Path("text.db"), std::string(5000, 'x'));
  EXPECT_EQ(VerifyLedgerFile(folder.Path("text.db"), nullptr).error().code, ErrorCode::kDataLoss);
  RunSql(folder.Path("other.db"), "CREATE TABLE t (x)");
  EXPECT_EQ(VerifyLedgerFile(folder.Path("other.db"), nullptr).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(Audit, SeesASoundLedgerWhileItIsWritten) {
  Audited audited;
  const auto ledger = audited.Open();
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 12; ++i) {
      const std::string id = fmt::format("w{}", i);
      Batch batch = MakeTicks(id, 4);
      batch.deployments = {MakeEnded(id, 0, 60)};
      EXPECT_TRUE(ledger->Commit(batch).ok());
      EXPECT_TRUE(ledger->Pack(id, At(100)).ok());
      EXPECT_TRUE(ledger->Expire(At(i % 4 == 3 ? 61 : 0)).ok());
    }
    done = true;
  });
  do {
    const AuditReport report = audited.Verify();
    EXPECT_TRUE(report.Sound()) << report.finding;
  } while (!done);
  writer.join();
  EXPECT_EQ(audited.Verify().entries, kEntries + 12 * 6 + 13);
}

}  // namespace
}  // namespace auspex::storage
