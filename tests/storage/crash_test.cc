#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "auspex/base/random.h"
#include "auspex/storage/audit.h"
#include "auspex/storage/filesystem/filesystem_store.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "tests/storage/support.h"

// A process that is killed at any moment loses nothing that it was told is stored, and keeps no
// half.
namespace auspex::storage {
namespace {

constexpr int kEntriesPerBatch = 4;  // of MakeTicks(…, 3)

struct Home {
  testing::TempFolder folder;
  [[nodiscard]] std::string Ledger() const { return folder.Path("ledger.db"); }
  [[nodiscard]] std::unique_ptr<ObjectStore> Objects() const {
    return FilesystemStore::Open(folder.Path("objects")).value();
  }
  [[nodiscard]] Result<std::unique_ptr<storage::Ledger>> Open(ObjectStore* objects) const {
    SqliteLedgerConfig config;
    config.path = Ledger();
    config.objects = objects;
    return SqliteLedger::Open(config);
  }
};

// Commits, packs and expires until killed; writes the last seq of each stored batch to `pipe`.
[[noreturn]] void WorkForever(const Home& home, int pipe) {
  const auto objects = home.Objects();
  const auto ledger = home.Open(objects.get());
  if (!ledger.ok()) _exit(2);
  for (int i = 0;; ++i) {
    Batch batch = testing::MakeTicks("d1", kEntriesPerBatch - 1);
    batch.deployments = {testing::MakeEnded("d1", 0, 1)};
    const auto stored = (*ledger)->Commit(batch);
    if (!stored.ok()) _exit(3);
    const std::int64_t seq = stored->back().seq;
    if (write(pipe, &seq, sizeof seq) != sizeof seq) _exit(4);
    if (i % 3 == 2 && !(*ledger)->Pack("d1", testing::At(2)).ok()) _exit(5);
    if (i % 7 == 6 && !(*ledger)->Expire(testing::At(9)).ok()) _exit(6);
  }
}

struct Killed {
  std::int64_t reported = 0;  // the last seq that the child knew to be stored
  int status = 0;
};

// Lets the child store at least one batch, then kills it `later`.
Killed RunAndKill(const Home& home, std::chrono::microseconds later) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) WorkForever(home, ends[1]);
  close(ends[1]);
  Killed killed;
  std::int64_t seq = 0;
  if (read(ends[0], &seq, sizeof seq) == sizeof seq) killed.reported = seq;
  std::this_thread::sleep_for(later);
  kill(child, SIGKILL);
  waitpid(child, &killed.status, 0);
  while (read(ends[0], &seq, sizeof seq) == sizeof seq) killed.reported = seq;
  close(ends[0]);
  return killed;
}

TEST(Crash, AKilledWriterLosesNothingAndLeavesNoHalf) {
  const Home home;
  Random random(20261124);
  std::int64_t batches = 0;
  for (int round = 0; round < 10; ++round) {
    const auto later = std::chrono::microseconds(random.Below(60'000));
    const Killed killed = RunAndKill(home, later);
    ASSERT_TRUE(WIFSIGNALED(killed.status)) << "exit " << WEXITSTATUS(killed.status);
    ASSERT_GT(killed.reported, 0);
    const auto objects = home.Objects();
    const auto ledger = home.Open(objects.get());
    ASSERT_TRUE(ledger.ok()) << ledger.error().message;
    const auto report = VerifyLedgerFile(home.Ledger(), objects.get());
    ASSERT_TRUE(report.ok()) << report.error().message;
    ASSERT_TRUE(report->Sound()) << report->finding;
    ASSERT_GE(report->entries, killed.reported);
    const std::string count = testing::AskSql(
        home.Ledger(), "SELECT count(*) FROM entries WHERE kind IN ('tick', 'order')");
    EXPECT_EQ(std::stoll(count) % kEntriesPerBatch, 0);
    EXPECT_GT(std::stoll(count), batches);
    batches = std::stoll(count);
    EXPECT_TRUE((*ledger)->Commit(testing::MakeTicks("d1", kEntriesPerBatch - 1)).ok());
  }
}

}  // namespace
}  // namespace auspex::storage
