#include "auspex/storage/backup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "auspex/storage/filesystem/filesystem_store.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "tests/storage/support.h"

namespace auspex::storage {
namespace {

using testing::At;
using testing::MakeEnded;
using testing::MakeTicks;
using testing::RunSql;

// A ledger with two packed deployments (objects of its own) and one that runs.
class Home {
 public:
  Home() {
    ledger_ = Open();
    for (const char* const id : {"d1", "d2"}) AddEnded(id);
    EXPECT_TRUE(ledger_->Commit(MakeTicks("d3", 5)).ok());
  }

  std::unique_ptr<Ledger> Open() {
    SqliteLedgerConfig config;
    config.path = path();
    config.objects = &objects_;
    config.address = "127.0.0.1:8400";
    auto ledger = SqliteLedger::Open(config);
    EXPECT_TRUE(ledger.ok()) << ledger.error().message;
    return *std::move(ledger);
  }
  void AddEnded(const std::string& id) {
    Batch batch = MakeTicks(id, 5);
    batch.deployments = {MakeEnded(id, 0, 60)};
    EXPECT_TRUE(ledger_->Commit(batch).ok());
    EXPECT_TRUE(ledger_->Pack(id, At(100)).ok());
  }
  void Close() { ledger_.reset(); }
  Ledger& ledger() { return *ledger_; }
  testing::MemoryStore& objects() { return objects_; }
  [[nodiscard]] std::string path() const { return folder_.Path("auspex.db"); }
  [[nodiscard]] std::string Path(std::string_view name) const { return folder_.Path(name); }

 private:
  testing::TempFolder folder_;
  testing::MemoryStore objects_;
  std::unique_ptr<Ledger> ledger_;
};

constexpr std::int64_t kEntries = 20;

// Where something is restored to.
struct Place {
  testing::TempFolder folder;
  [[nodiscard]] std::string Ledger() const { return folder.Path("new/auspex.db"); }
  [[nodiscard]] std::string Objects() const { return folder.Path("new/objects"); }
  [[nodiscard]] RestorePlan From(std::string file, ObjectStore* objects = nullptr) const {
    RestorePlan plan;
    plan.file = std::move(file);
    plan.from = objects;
    plan.ledger = Ledger();
    plan.open_objects = [this] { return FilesystemStore::Open(Objects()); };
    return plan;
  }
  void ExpectNothing() const {
    EXPECT_FALSE(std::filesystem::exists(Ledger()));
    EXPECT_FALSE(std::filesystem::exists(Ledger() + ".partial"));
    if (!std::filesystem::exists(Objects())) return;
    EXPECT_TRUE(FilesystemStore::Open(Objects()).value()->List("")->empty());
  }
};

CopyReport MustBackUp(const BackupPlan& plan) {
  const auto report = BackUpLedger(plan);
  EXPECT_TRUE(report.ok()) << report.error().message;
  return report.value_or(CopyReport{});
}

void ExpectRefused(const Result<CopyReport>& report, ErrorCode code, const std::string& words) {
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, code) << report.error().message;
  EXPECT_NE(report.error().message.find(words), std::string::npos) << report.error().message;
}

TEST(Backup, OneFileHoldsAllAndProvesItselfAlone) {
  Home home;
  const std::string file = home.Path("monday.db");
  const CopyReport report =
      MustBackUp({.ledger = home.path(), .objects = &home.objects(), .file = file});
  EXPECT_EQ(report.audit.entries, kEntries);
  EXPECT_EQ(report.audit.packed, 10);
  EXPECT_EQ(report.objects, 2);
  EXPECT_GT(report.object_bytes, 0);
  const auto audit = VerifyLedgerFile(file, nullptr);
  ASSERT_TRUE(audit.ok()) << audit.error().message;
  EXPECT_TRUE(audit->Sound()) << audit->finding;
  EXPECT_EQ(audit->unproven, 0);
  const auto reader = SqliteLedger::OpenReadOnly(file, nullptr);
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  EXPECT_EQ((*reader)->Entries({.deployment = "d1"})->size(), 7U);
  for (const char* const beside : {".partial", "-wal", "-shm", "-journal"})
    EXPECT_FALSE(std::filesystem::exists(file + beside)) << beside;
}

TEST(Backup, IsNoLedgerToWriteTo) {
  Home home;
  const std::string file = home.Path("monday.db");
  MustBackUp({.ledger = home.path(), .objects = &home.objects(), .file = file});
  SqliteLedgerConfig config;
  config.path = file;
  const auto ledger = SqliteLedger::Open(config);
  ASSERT_FALSE(ledger.ok());
  EXPECT_EQ(ledger.error().code, ErrorCode::kConflict);
  EXPECT_NE(ledger.error().message.find("auspex restore"), std::string::npos);
  ExpectRefused(BackUpLedger({.ledger = file, .file = home.Path("again.db")}),
                ErrorCode::kInvalidArgument, "copy the file");
}

TEST(Backup, PutsObjectsBesideItWhereAStoreIsGiven) {
  Home home;
  testing::MemoryStore into;
  const std::string file = home.Path("copy.db");
  MustBackUp({.ledger = home.path(), .objects = &home.objects(), .file = file, .into = &into});
  EXPECT_EQ(into.List(""), home.objects().List("").value());
  const auto audit = VerifyLedgerFile(file, &into);
  ASSERT_TRUE(audit.ok());
  EXPECT_TRUE(audit->Sound());
  EXPECT_EQ(audit->packed, 10);
}

TEST(Backup, OverwritesNothing) {
  Home home;
  const std::string file = home.Path("copy.db");
  testing::WriteFile(file, "precious");
  ExpectRefused(BackUpLedger({.ledger = home.path(), .objects = &home.objects(), .file = file}),
                ErrorCode::kConflict, "left alone");
  EXPECT_EQ(testing::ReadFile(file), "precious");
  testing::WriteFile(home.Path("other.db.partial"), "half");
  ExpectRefused(
      BackUpLedger(
          {.ledger = home.path(), .objects = &home.objects(), .file = home.Path("other.db")}),
      ErrorCode::kConflict, "other.db.partial");
  // An object of another ledger in the same store.
  testing::MemoryStore into;
  const std::string name = home.objects().List("")->back();
  ASSERT_TRUE(into.Put(name, "other bytes").ok());
  ExpectRefused(BackUpLedger({.ledger = home.path(),
                              .objects = &home.objects(),
                              .file = home.Path("third.db"),
                              .into = &into}),
                ErrorCode::kConflict, name);
  EXPECT_EQ(into.List("")->size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(home.Path("third.db")));
}

TEST(Backup, OfADamagedLedgerIsRefusedAndLeavesNothing) {
  const std::vector<std::pair<const char*, std::function<void(Home&)>>> damages = {
      {"entry 15", [](Home& h) { RunSql(h.path(), "UPDATE entries SET body='{}' WHERE seq=15"); }},
      {"entry 20 is missing",
       [](Home& h) { RunSql(h.path(), "DELETE FROM entries WHERE seq=20"); }},
      {"there is no object",
       [](Home& h) { EXPECT_TRUE(h.objects().Delete(h.objects().List("")->at(1)).ok()); }},
      {"SHA-256",
       [](Home& h) { EXPECT_TRUE(h.objects().Put(h.objects().List("")->at(1), "bytes").ok()); }}};
  for (const auto& [words, damage] : damages) {
    Home home;
    damage(home);
    testing::MemoryStore into;
    const std::string file = home.Path("copy.db");
    ExpectRefused(BackUpLedger({.ledger = home.path(), .objects = &home.objects(), .file = file}),
                  ErrorCode::kDataLoss, words);
    ExpectRefused(
        BackUpLedger(
            {.ledger = home.path(), .objects = &home.objects(), .file = file, .into = &into}),
        ErrorCode::kDataLoss, words);
    EXPECT_TRUE(into.List("")->empty());
    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_FALSE(std::filesystem::exists(file + ".partial"));
  }
}

TEST(Backup, NeedsTheObjectsThatTheLedgerRefersTo) {
  Home home;
  ExpectRefused(BackUpLedger({.ledger = home.path(), .file = home.Path("copy.db")}),
                ErrorCode::kInvalidArgument, "refers to 2 objects");
  ExpectRefused(BackUpLedger({.ledger = home.Path("none.db"), .file = home.Path("copy.db")}),
                ErrorCode::kNotFound, "none.db");
  EXPECT_FALSE(std::filesystem::exists(home.Path("copy.db.partial")));
}

TEST(Backup, TellsHowFarItIs) {
  Home home;
  std::vector<std::string> told;
  std::int64_t pages = 0;
  BackupPlan plan{.ledger = home.path(), .objects = &home.objects(), .file = home.Path("c.db")};
  plan.on_progress = [&](const CopyProgress& progress) {
    if (told.empty() || told.back() != progress.doing) told.emplace_back(progress.doing);
    if (progress.doing == "ledger") pages = progress.all;
    EXPECT_LE(progress.done, progress.all);
  };
  MustBackUp(plan);
  EXPECT_EQ(told, (std::vector<std::string>{"ledger", "objects", "verify"}));
  EXPECT_GT(pages, 10);
}

// Commits, packs and expires under the copy: each copy is one moment, whole.
TEST(Backup, IsOneMomentOfALedgerThatIsWritten) {
  Home home;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 16; ++i) {
      home.AddEnded(fmt::format("w{}", i));
      EXPECT_TRUE(home.ledger().Expire(At(i % 4 == 3 ? 61 : 0)).ok());
    }
    done = true;
  });
  std::int64_t last = 0;
  int copies = 0;
  do {
    testing::MemoryStore into;
    const bool inside = copies % 2 == 0;
    const std::string file = home.Path(fmt::format("copy{}.db", copies++));
    const CopyReport report = MustBackUp({.ledger = home.path(),
                                          .objects = &home.objects(),
                                          .file = file,
                                          .into = inside ? nullptr : &into});
    EXPECT_GE(report.audit.entries, last);
    last = report.audit.entries;
  } while (!done);
  writer.join();
  EXPECT_EQ(home.ledger().Entries({.deployment = "w15", .kind = "expired"})->size(), 1U);
}

// The object goes after the moment was copied and before its own copy.
class ExpiringStore final : public ObjectStore {
 public:
  explicit ExpiringStore(Home& home) : home_(home) {}
  Status Put(std::string_view name, std::string_view bytes) override {
    return home_.objects().Put(name, bytes);
  }
  Result<std::string> Get(std::string_view name) override {
    if (!expired_) {
      expired_ = true;
      EXPECT_EQ(home_.ledger().Expire(At(61)), 2);
    }
    return home_.objects().Get(name);
  }
  Result<std::vector<std::string>> List(std::string_view prefix) override {
    return home_.objects().List(prefix);
  }
  Status Delete(std::string_view name) override { return home_.objects().Delete(name); }

 private:
  Home& home_;
  bool expired_ = false;
};

TEST(Backup, CopiesAnotherMomentWhenAnObjectExpiredMeanwhile) {
  Home home;
  ExpiringStore objects(home);
  const CopyReport report =
      MustBackUp({.ledger = home.path(), .objects = &objects, .file = home.Path("copy.db")});
  EXPECT_EQ(report.objects, 0);
  EXPECT_EQ(report.audit.expired, 10);
  EXPECT_EQ(report.audit.entries, kEntries + 2);
}

TEST(Backup, AFullDiskLeavesNothing) {
  Home home;
  const int status = testing::OnSmallDisk(home.Path("disk"), 48, [&] {
    const auto report = BackUpLedger(
        {.ledger = home.path(), .objects = &home.objects(), .file = home.Path("disk/copy.db")});
    if (report.ok()) return 1;
    if (report.error().code != ErrorCode::kUnavailable) return 2;
    return std::filesystem::is_empty(home.Path("disk")) ? 0 : 3;
  });
  if (status == testing::kNoMount) GTEST_SKIP() << "this process may not mount a file system";
  EXPECT_EQ(status, 0);
}

TEST(Restore, GivesBackTheSameLedger) {
  Home home;
  const std::string file = home.Path("monday.db");
  MustBackUp({.ledger = home.path(), .objects = &home.objects(), .file = file});
  const Place place;
  const auto report = RestoreLedger(place.From(file));
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->audit.entries, kEntries);
  EXPECT_EQ(report->objects, 2);
  const auto objects = FilesystemStore::Open(place.Objects()).value();
  EXPECT_EQ(objects->List(""), home.objects().List("").value());
  EXPECT_EQ(testing::AskSql(place.Ledger(),
                            "SELECT count(*) FROM sqlite_schema WHERE name = 'backup_objects'"),
            "0");
  SqliteLedgerConfig config;
  config.path = place.Ledger();
  config.objects = objects.get();
  const auto ledger = SqliteLedger::Open(config);
  ASSERT_TRUE(ledger.ok()) << ledger.error().message;
  for (const char* const id : {"d1", "d2", "d3"}) {
    const auto before = home.ledger().Entries({.deployment = id});
    const auto after = (*ledger)->Entries({.deployment = id});
    ASSERT_TRUE(after.ok()) << after.error().message;
    ASSERT_EQ(after->size(), before->size());
    for (std::size_t i = 0; i < after->size(); ++i) {
      EXPECT_EQ((*after)[i].body, (*before)[i].body);
      EXPECT_EQ((*after)[i].hash, (*before)[i].hash);
    }
  }
  EXPECT_EQ((*ledger)->Commit(MakeTicks("d3", 1))->front().seq, kEntries + 1);
}

TEST(Restore, TakesALedgerAndItsStoreToo) {
  Home home;
  testing::MemoryStore into;
  const std::string file = home.Path("copy.db");
  MustBackUp({.ledger = home.path(), .objects = &home.objects(), .file = file, .into = &into});
  const Place place;
  ExpectRefused(RestoreLedger(place.From(file)), ErrorCode::kInvalidArgument, "objects");
  place.ExpectNothing();
  ASSERT_TRUE(RestoreLedger(place.From(file, &into)).ok());
  // Again: what is there is left alone, and so it is after a new object of an old name.
  ExpectRefused(RestoreLedger(place.From(file, &into)), ErrorCode::kConflict, "left alone");
}

TEST(Restore, VerifiesFirst) {
  for (const char* const damage :
       {"UPDATE entries SET body = '{}' WHERE seq = 15", "DELETE FROM entries WHERE seq = 20",
        "UPDATE backup_objects SET bytes = x'00'", "DELETE FROM backup_objects"}) {
    Home home;
    const std::string file = home.Path("monday.db");
    MustBackUp({.ledger = home.path(), .objects = &home.objects(), .file = file});
    RunSql(file, damage);
    const Place place;
    ExpectRefused(RestoreLedger(place.From(file)), ErrorCode::kDataLoss, "does not prove itself");
    EXPECT_TRUE(std::filesystem::is_empty(place.folder.Path(""))) << damage;
  }
}

TEST(Restore, OverwritesNothing) {
  Home home;
  const std::string file = home.Path("monday.db");
  MustBackUp({.ledger = home.path(), .objects = &home.objects(), .file = file});
  // The log of a ledger that is gone would be played into the new one.
  for (const char* const beside : {"", "-wal", "-journal"}) {
    const Place place;
    std::filesystem::create_directories(place.folder.Path("new"));
    testing::WriteFile(place.Ledger() + beside, "precious");
    ExpectRefused(RestoreLedger(place.From(file)), ErrorCode::kConflict, "left alone");
    EXPECT_EQ(testing::ReadFile(place.Ledger() + beside), "precious");
  }
  const Place place;
  const std::string name = home.objects().List("")->back();
  ASSERT_TRUE(FilesystemStore::Open(place.Objects()).value()->Put(name, "precious").ok());
  ExpectRefused(RestoreLedger(place.From(file)), ErrorCode::kConflict, name);
  EXPECT_FALSE(std::filesystem::exists(place.Ledger()));
  const auto objects = FilesystemStore::Open(place.Objects()).value();
  EXPECT_EQ(objects->List(""), std::vector<std::string>{name});
  EXPECT_EQ(objects->Get(name), "precious");
}

TEST(Restore, IsRefusedWhileADaemonHasTheLedger) {
  Home home;
  const std::string file = home.Path("monday.db");
  MustBackUp({.ledger = home.path(), .objects = &home.objects(), .file = file});
  RestorePlan plan;
  plan.file = file;
  plan.ledger = home.path();
  plan.open_objects = [] { return FilesystemStore::Open("/nowhere"); };
  ExpectRefused(RestoreLedger(plan), ErrorCode::kConflict, "at 127.0.0.1:8400");
  // Nor is it when the daemon's file has been moved away under it.
  std::filesystem::rename(home.path(), home.Path("moved.db"));
  ExpectRefused(RestoreLedger(plan), ErrorCode::kConflict, "in use by process");
}

TEST(Restore, AFullDiskLeavesNothing) {
  Home home;
  const std::string file = home.Path("monday.db");
  MustBackUp({.ledger = home.path(), .objects = &home.objects(), .file = file});
  const int status = testing::OnSmallDisk(home.Path("disk"), 48, [&] {
    RestorePlan plan;
    plan.file = file;
    plan.ledger = home.Path("disk/auspex.db");
    plan.open_objects = [&] { return FilesystemStore::Open(home.Path("disk/objects")); };
    const auto report = RestoreLedger(plan);
    if (report.ok()) return 1;
    if (report.error().code != ErrorCode::kUnavailable) return 2;
    return std::filesystem::exists(home.Path("disk/auspex.db")) ||
                   std::filesystem::exists(home.Path("disk/auspex.db.partial"))
               ? 3
               : 0;
  });
  if (status == testing::kNoMount) GTEST_SKIP() << "this process may not mount a file system";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace auspex::storage
