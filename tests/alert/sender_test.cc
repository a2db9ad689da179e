#include "auspex/alert/sender.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/alert/alerts.h"

namespace auspex::alert {
namespace {

// What a channel was asked to send, and what it answers.
struct Outside {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> keys;  // one an attempt
  std::function<Status(int attempt)> answer = [](int) { return Status(); };
  bool held = false;  // calls wait

  bool Await(std::size_t attempts) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, [&] { return keys.size() >= attempts; });
  }
  void Release() {
    {
      const std::lock_guard lock(mutex);
      held = false;
    }
    changed.notify_all();
  }
};

class FakeChannel final : public Channel {
 public:
  explicit FakeChannel(Outside* outside) : outside_(outside) {}
  Status Send(const Alert& alert, MonotonicTime) override {
    std::unique_lock lock(outside_->mutex);
    outside_->keys.push_back(alert.key);
    outside_->changed.notify_all();
    outside_->changed.wait_for(lock, 20s, [this] { return !outside_->held; });
    return outside_->answer(static_cast<int>(outside_->keys.size()));
  }
  Result<std::string> Probe(MonotonicTime) override { return std::string("there"); }
  [[nodiscard]] std::string Describe() const override { return "fake"; }

 private:
  Outside* outside_;
};

class AlertSenderTest : public ::testing::Test {
 protected:
  std::unique_ptr<AlertSender> Start(std::vector<Outside*> outsides,
                                     AlertSender::Options options = {}) {
    options.first_wait = 1ms;
    std::vector<std::unique_ptr<Channel>> channels;
    for (Outside* outside : outsides) channels.push_back(std::make_unique<FakeChannel>(outside));
    return std::make_unique<AlertSender>(std::move(channels), options, &log_);
  }
  static Alert Of(const std::string& key) {
    Alert alert = RiskAlert();
    alert.key = key;
    return alert;
  }
  // Until the first channel's figures are so.
  static void AwaitCount(const AlertSender& sender,
                         const std::function<bool(const AlertSender::Count&)>& good) {
    for (int i = 0; i < 20'000 && !good(sender.Counts()[0]); ++i) std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(good(sender.Counts()[0]));
  }
  [[nodiscard]] std::string Log() {
    const std::lock_guard lock(log_mutex_);
    return log_text_;
  }

  std::mutex log_mutex_;
  std::string log_text_;
  Logger log_{LogLevel::kInfo, [this](std::string_view line) {
                const std::lock_guard lock(log_mutex_);
                log_text_ += std::string(line) + "\n";
              }};
};

TEST_F(AlertSenderTest, TriesAgainUntilItIsTaken) {
  Outside outside;
  outside.answer = [](int attempt) -> Status {
    if (attempt < 4) return Fail(ErrorCode::kUnavailable, "away");
    return {};
  };
  const auto sender = Start({&outside});
  sender->Send(Of("a"));
  AwaitCount(*sender, [](const auto& count) { return count.sent == 1; });
  EXPECT_EQ(outside.keys.size(), 4u);
}

TEST_F(AlertSenderTest, DoesNotRepeatWhatIsRefused) {
  Outside outside;
  outside.answer = [](int) -> Status { return Fail(ErrorCode::kInvalidArgument, "bad label"); };
  const auto sender = Start({&outside});
  sender->Send(Of("a"));
  AwaitCount(*sender, [](const auto& count) { return count.failed == 1; });
  EXPECT_EQ(outside.keys.size(), 1u);
  EXPECT_NE(Log().find("alert_not_sent"), std::string::npos);
  EXPECT_NE(Log().find("bad label"), std::string::npos);
}

TEST_F(AlertSenderTest, GivesUpAtTheDeadlineAndGoesOn) {
  Outside outside;
  outside.answer = [&outside](int) -> Status {
    if (outside.keys.back() == "a") return Fail(ErrorCode::kUnavailable, "away");
    return {};
  };
  const auto sender = Start({&outside}, {.deadline = 50ms});
  sender->Send(Of("a"));
  sender->Send(Of("b"));
  AwaitCount(*sender, [](const auto& count) { return count.failed == 1 && count.sent == 1; });
}

TEST_F(AlertSenderTest, NeverWaitsForAChannelAndDropsTheOldest) {
  Outside outside;
  outside.held = true;
  const auto sender = Start({&outside}, {.queue = 3});
  sender->Send(Of("0"));
  ASSERT_TRUE(outside.Await(1));  // it has left the queue, and hangs
  for (int i = 1; i <= 5; ++i) sender->Send(Of(std::to_string(i)));
  EXPECT_EQ(sender->Counts()[0].dropped, 2);
  EXPECT_EQ(sender->Counts()[0].waiting, 4);
  outside.Release();
  ASSERT_TRUE(outside.Await(4));
  EXPECT_EQ(outside.keys, (std::vector<std::string>{"0", "3", "4", "5"}));
  EXPECT_NE(Log().find("alert_dropped"), std::string::npos);
}

TEST_F(AlertSenderTest, AChannelThatHangsDelaysNoOther) {
  Outside stuck, well;
  stuck.held = true;
  const auto sender = Start({&stuck, &well});
  sender->Send(Of("a"));
  EXPECT_TRUE(well.Await(1));
  stuck.Release();
}

TEST_F(AlertSenderTest, WhatIsToBeToldFirstIsWaitedForAndNotForEver) {
  Outside prompt, hanging;
  hanging.held = true;
  const auto both = Start({&prompt, &hanging});
  EXPECT_FALSE(both->SendAndWait(Of("first"), 50ms));
  EXPECT_EQ(prompt.keys, std::vector<std::string>{"first"});
  hanging.Release();
  EXPECT_TRUE(both->SendAndWait(Of("second"), 20s));
  EXPECT_EQ(hanging.keys.size(), 2U);
}

TEST_F(AlertSenderTest, SendsWhatWaitsBeforeItEnds) {
  Outside outside;
  auto sender = Start({&outside});
  for (int i = 0; i < 20; ++i) sender->Send(Of(std::to_string(i)));
  sender.reset();
  EXPECT_EQ(outside.keys.size(), 20u);
}

TEST_F(AlertSenderTest, AtTheEndItDoesNotWaitForOneThatIsAway) {
  Outside outside;
  outside.answer = [](int) -> Status { return Fail(ErrorCode::kUnavailable, "away"); };
  AlertSender::Options options{.last_words = 0s};
  auto sender = Start({&outside}, options);
  for (int i = 0; i < 20; ++i) sender->Send(Of(std::to_string(i)));
  sender.reset();
  EXPECT_NE(Log().find("alert_"), std::string::npos);
}

}  // namespace
}  // namespace auspex::alert
