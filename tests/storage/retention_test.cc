#include "auspex/storage/retention.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

namespace auspex::storage {
namespace {

Failure NotAsked() { return Fail(ErrorCode::kInternal, "not asked in these tests"); }

// Answers Expire as it is told to, and tells when it was asked.
class ExpiringLedger final : public Ledger {
 public:
  explicit ExpiringLedger(std::deque<Result<std::int64_t>> answers)
      : answers_(std::move(answers)) {}

  // What each call was to expire, once there were so many calls.
  std::vector<WallTime> WaitForCalls(std::size_t count) {
    std::unique_lock lock(mutex_);
    called_.wait(lock, [&] { return calls_.size() >= count; });
    return calls_;
  }

  Result<std::int64_t> Expire(WallTime before) override {
    const std::lock_guard lock(mutex_);
    calls_.push_back(before);
    called_.notify_all();
    if (answers_.empty()) return std::int64_t{0};
    const Result<std::int64_t> answer = answers_.front();
    answers_.pop_front();
    return answer;
  }
  Result<std::vector<Entry>> Commit(const Batch&) override { return NotAsked(); }
  Result<std::vector<Entry>> Entries(const EntryQuery&) override { return NotAsked(); }
  Result<std::vector<DeploymentRow>> Deployments(const DeploymentQuery&) override {
    return NotAsked();
  }
  Result<DeploymentRow> Deployment(std::string_view) override { return NotAsked(); }
  Result<std::vector<BaselineRow>> Baselines(std::string_view, WallTime) override {
    return NotAsked();
  }
  Result<std::optional<KeptAnswer>> ClaimKey(const KeyedCall&, WallTime, WallTime) override {
    return NotAsked();
  }
  Status KeepAnswer(std::string_view, std::string_view, std::string_view) override {
    return NotAsked();
  }
  Status Pack(std::string_view, WallTime) override { return NotAsked(); }
  Result<std::vector<std::string>> Unpacked(std::size_t) override { return NotAsked(); }

 private:
  std::mutex mutex_;
  std::condition_variable called_;
  std::deque<Result<std::int64_t>> answers_;
  std::vector<WallTime> calls_;
};

class RetentionTest : public ::testing::Test {
 protected:
  SimulatedClock clock_{FromMicros(1'000'000'000'000'000)};
  Logger log_{LogLevel::kError, [](std::string_view) {}};
};

// That it ends at all is the point: a day's wait is cut short.
TEST_F(RetentionTest, ExpiresAtTheStartAndStopsInTheMiddleOfItsWait) {
  ExpiringLedger ledger({std::int64_t{3}});
  const Retention retention(&ledger, &clock_, &log_, {.keep = 10s, .every = 24h});
  EXPECT_EQ(ledger.WaitForCalls(1).front(), clock_.Wall() - 10s);
}

TEST_F(RetentionTest, GoesOnAtOnceWhileThereMayBeMore) {
  ExpiringLedger ledger({kMostExpired, kMostExpired, std::int64_t{1}});
  const Retention retention(&ledger, &clock_, &log_, {.keep = 10s, .every = 24h});
  EXPECT_EQ(ledger.WaitForCalls(3).size(), 3u);
}

TEST_F(RetentionTest, TriesAgainInTheNextPeriodAfterAFailure) {
  ExpiringLedger ledger({Fail(ErrorCode::kUnavailable, "the disk is full")});
  const Retention retention(&ledger, &clock_, &log_, {.keep = 10s, .every = 1ms});
  EXPECT_GE(ledger.WaitForCalls(3).size(), 3u);
}

}  // namespace
}  // namespace auspex::storage
