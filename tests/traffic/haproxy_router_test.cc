#include "auspex/traffic/haproxy/haproxy_router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/traffic/scripted_socket.h"

// The adapter against a proxy that is scripted to misbehave. What a real one does:
// haproxy_router_real_test.cc and the contract.
namespace auspex::traffic {
namespace {

using auspex::testing::ScriptedSocket;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Route kRoute{.backend = "checkout", .baseline = "a", .canary = "b"};

MonotonicTime Soon() { return std::chrono::steady_clock::now() + 10s; }

Weight Bp(std::int32_t bp) { return Weight::FromBp(bp).value(); }

// Keeps two weights and answers as HAProxy does, but for the commands that `instead` answers.
class FakeProxy {
 public:
  FakeProxy()
      : socket_(ScriptedSocket::Answering([this](const std::string& c) { return Answer(c); })),
        router_({RuntimeSocket::Parse(socket_.path()).value()}, 10s, 50ms) {}

  HaproxyRouter& router() { return router_; }

  // For commands that begin so.
  void Instead(const std::string& command, const std::string& answer) {
    const std::lock_guard lock(mutex_);
    instead_[command] = answer;
  }
  // The next `times` weights that are set are lost with the process that took them.
  void ReloadAfterASet(int times) {
    const std::lock_guard lock(mutex_);
    reloads_ = times;
  }
  void TakeTheBaselineDown() {
    const std::lock_guard lock(mutex_);
    baseline_up_ = false;
  }
  // As `instead` was never said.
  void AsUsual() {
    const std::lock_guard lock(mutex_);
    instead_.clear();
  }
  // The canary has a health check, which never comes by itself.
  void CheckTheCanary() {
    const std::lock_guard lock(mutex_);
    checked_ = true;
  }
  std::vector<std::string> changes() {
    const std::lock_guard lock(mutex_);
    return changes_;
  }

 private:
  std::string Answer(const std::string& command) {
    const std::lock_guard lock(mutex_);
    if (!command.starts_with("show ")) changes_.push_back(command);
    for (const auto& [start, answer] : instead_) {
      if (command.starts_with(start)) return answer;
    }
    if (command == "show servers state checkout") {
      return fmt::format(
          "1\n# be_id be_name srv_id srv_name srv_op_state srv_admin_state srv_uweight "
          "srv_check_state\n"
          "3 checkout 1 a {} 0 {} 6\n3 checkout 2 b {} {} {} {}\n\n",
          baseline_up_ ? 2 : 0, weights_["a"], canary_up_ ? 2 : 0, admin_state_, weights_["b"],
          checked_ ? 6 : 0);
    }
    if (command == "show stat #3 4 -1" || command == "show stat #3 6 -1") {
      return "# "
             "pxname,svname,scur,stot,status,bck,\ncheckout,a,1,10,UP,0,\ncheckout,b,2,20,UP,0,"
             "\n\n";
    }
    if (command.starts_with("set server checkout/b state ")) {
      const std::string state = command.substr(command.rfind(' ') + 1);
      const int before = std::exchange(admin_state_, state == "maint"   ? kMaintenance
                                                     : state == "drain" ? kDrain
                                                                        : 0);
      // As 2.6 does: up from the end of maintenance on, whatever was said of its health before.
      if (admin_state_ == kMaintenance || before == kMaintenance)
        canary_up_ = admin_state_ != kMaintenance;
      return "\n";
    }
    if (command == "set server checkout/b health down") {
      canary_up_ = false;
      return "\n";
    }
    if (command == "shutdown sessions server checkout/b") return "\n";
    if (command.starts_with("set server checkout/")) {
      weights_[command.substr(20, 1)] = std::stoi(command.substr(command.rfind(' ')));
      if (reloads_ > 0) {
        --reloads_;
        weights_ = {{"a", 256}, {"b", 0}};
      }
      return "\n";
    }
    return "Unknown command.\n\n";
  }

  std::mutex mutex_;
  std::map<std::string, std::string> instead_;
  std::map<std::string, int> weights_ = {{"a", 256}, {"b", 0}};
  std::vector<std::string> changes_;
  int reloads_ = 0;
  bool baseline_up_ = true;
  // SRV_ADMF_FMAINT and SRV_ADMF_FDRAIN.
  static constexpr int kMaintenance = 0x1, kDrain = 0x8;
  int admin_state_ = 0;
  bool canary_up_ = true;
  bool checked_ = false;
  ScriptedSocket socket_;
  HaproxyRouter router_;
};

// Both calls must fail alike.
void ExpectBothFail(FakeProxy& proxy, ErrorCode code, const std::string& says) {
  const auto applied = proxy.router().Apply(kRoute, Bp(500), Soon());
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, code) << applied.error().message;
  EXPECT_THAT(applied.error().message, HasSubstr(says));
  const auto seen = proxy.router().Observe(kRoute, Soon());
  ASSERT_FALSE(seen.ok());
  EXPECT_EQ(seen.error().code, code) << seen.error().message;
  EXPECT_THAT(seen.error().message, HasSubstr(says));
}

TEST(HaproxyRouter, SetsAndObservesTheWeights) {
  FakeProxy proxy;
  EXPECT_EQ(proxy.router().Apply(kRoute, Bp(500), Soon()), Bp(483));
  EXPECT_THAT(proxy.changes(), ElementsAre("set server checkout/b weight 13"));
  const auto view = proxy.router().Observe(kRoute, Soon());
  ASSERT_TRUE(view.ok()) << view.error().message;
  EXPECT_EQ(view->weight, Bp(483));
  EXPECT_EQ(view->canary.share, Bp(483));
  EXPECT_EQ(view->canary.in_flight, 2);
  EXPECT_EQ(view->canary.requests_total, 20);
  EXPECT_EQ(view->baseline.share, Bp(9517));
  EXPECT_EQ(view->baseline.in_flight, 1);
}

TEST(HaproxyRouter, ChangesNothingThatIsThereAlready) {
  FakeProxy proxy;
  EXPECT_EQ(proxy.router().Apply(kRoute, Weight::Zero(), Soon()), Weight::Zero());
  EXPECT_TRUE(proxy.changes().empty());
}

TEST(HaproxyRouter, SwapsWithoutAMomentOfNobody) {
  FakeProxy proxy;
  ASSERT_TRUE(proxy.router().Apply(kRoute, Weight::Whole(), Soon()).ok());
  ASSERT_TRUE(proxy.router().Apply(kRoute, Weight::Zero(), Soon()).ok());
  EXPECT_THAT(proxy.changes(),
              ElementsAre("set server checkout/b weight 256", "set server checkout/a weight 0",
                          "set server checkout/a weight 256", "set server checkout/b weight 0"));
}

TEST(HaproxyRouter, LowersNothingAfterARefusedRise) {
  FakeProxy proxy;
  proxy.Instead("set server checkout/b", "Backend is using a static LB algorithm\n\n");
  const auto applied = proxy.router().Apply(kRoute, Weight::Whole(), Soon());
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(applied.error().message, AllOf(HasSubstr("'set server checkout/b weight 256'"),
                                             HasSubstr("Backend is using a static LB algorithm")));
  EXPECT_THAT(proxy.changes(), ElementsAre("set server checkout/b weight 256"));
}

TEST(HaproxyRouter, CarriesTheTextOfEveryRefusal) {
  const struct {
    std::string answer;
    ErrorCode code;
  } cases[] = {
      {"No such server.\n\n", ErrorCode::kNotFound},
      {"No such backend.\n\n", ErrorCode::kNotFound},
      {"Permission denied\n\n", ErrorCode::kPermissionDenied},
      {"Absolute weight can only be between 0 and 256 inclusive.\n\n", ErrorCode::kInvalidArgument},
  };
  for (const auto& [answer, code] : cases) {
    FakeProxy proxy;
    proxy.Instead("set ", answer);
    const auto applied = proxy.router().Apply(kRoute, Bp(500), Soon());
    ASSERT_FALSE(applied.ok());
    EXPECT_EQ(applied.error().code, code);
    EXPECT_THAT(applied.error().message, HasSubstr(answer.substr(0, answer.find('\n'))));
  }
}

TEST(HaproxyRouter, DoesNotBelieveASuccessThatChangedNothing) {
  FakeProxy proxy;
  proxy.Instead("set ", "\n");
  const auto applied = proxy.router().Apply(kRoute, Bp(500), Soon());
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(applied.error().message,
              HasSubstr("set to canary 13, baseline 256 and are canary 0, baseline 256"));
}

// The old process takes the weight, the new one answers with its file's.
TEST(HaproxyRouter, SetsAgainWhatAReloadLostBetweenSettingAndReadingBack) {
  FakeProxy proxy;
  proxy.ReloadAfterASet(2);
  EXPECT_EQ(proxy.router().Apply(kRoute, Bp(500), Soon()), Bp(483));
  EXPECT_EQ(proxy.changes().size(), 3u);
  EXPECT_EQ(proxy.router().Observe(kRoute, Soon()).value().weight, Bp(483));
}

TEST(HaproxyRouter, EvictsByMaintenanceAfterTheWeightAndCutsWhatIsOpenLast) {
  FakeProxy proxy;
  ASSERT_TRUE(proxy.router().Apply(kRoute, Weight::Whole(), Soon()).ok());
  const auto evicted = proxy.router().Evict(kRoute, Soon());
  ASSERT_TRUE(evicted.ok()) << evicted.error().message;
  EXPECT_THAT(
      proxy.changes(),
      ElementsAre("set server checkout/b weight 256", "set server checkout/a weight 0",
                  "set server checkout/a weight 256", "set server checkout/b weight 0",
                  "set server checkout/b state maint", "shutdown sessions server checkout/b"));
  ASSERT_TRUE(proxy.router().Admit(kRoute, Soon()).ok());
  EXPECT_EQ(proxy.changes().back(), "set server checkout/b state ready");
  ASSERT_TRUE(proxy.router().Admit(kRoute, Soon()).ok());
  EXPECT_EQ(proxy.changes().size(), 7u);
}

TEST(HaproxyRouter, WhatIsAdmittedInPartNeverPassesForChecked) {
  for (const std::string fails :
       {"set server checkout/b state drain", "set server checkout/b health",
        "set server checkout/b state r"}) {
    SCOPED_TRACE(fails);
    FakeProxy proxy;
    proxy.CheckTheCanary();
    ASSERT_TRUE(proxy.router().Evict(kRoute, Soon()).ok());
    proxy.Instead(fails, "Permission denied\n\n");
    EXPECT_EQ(proxy.router().Admit(kRoute, Soon()).error().code, ErrorCode::kPermissionDenied);
    EXPECT_FALSE(proxy.router().Observe(kRoute, Soon()).value().canary.up);
    EXPECT_TRUE(proxy.router().Observe(kRoute, Soon()).value().canary.maintenance);
    proxy.AsUsual();
    ASSERT_TRUE(proxy.router().Admit(kRoute, Soon()).ok());
    EXPECT_FALSE(proxy.router().Observe(kRoute, Soon()).value().canary.up);
    EXPECT_FALSE(proxy.router().Observe(kRoute, Soon()).value().canary.maintenance);
    EXPECT_EQ(proxy.changes().back(), "set server checkout/b state ready");
    const std::size_t changes = proxy.changes().size();
    ASSERT_TRUE(proxy.router().Admit(kRoute, Soon()).ok());
    EXPECT_EQ(proxy.changes().size(), changes);
  }
}

TEST(HaproxyRouter, LeavesTheCanaryItsClientsWhileTheBaselineIsDown) {
  FakeProxy proxy;
  ASSERT_TRUE(proxy.router().Apply(kRoute, Bp(5000), Soon()).ok());
  proxy.TakeTheBaselineDown();
  const auto evicted = proxy.router().Evict(kRoute, Soon());
  ASSERT_FALSE(evicted.ok());
  EXPECT_EQ(evicted.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(evicted.error().message, HasSubstr("the baseline 'a' is down"));
  EXPECT_EQ(proxy.changes().back(), "set server checkout/b weight 0");
}

TEST(HaproxyRouter, DoesNotBelieveAnEvictionThatChangedNothing) {
  FakeProxy proxy;
  proxy.Instead("set server checkout/b state maint", "\n");
  const auto evicted = proxy.router().Evict(kRoute, Soon());
  ASSERT_FALSE(evicted.ok());
  EXPECT_THAT(evicted.error().message, HasSubstr("was set to maintenance and is not"));
  proxy.Instead("set server checkout/b state maint", "Permission denied\n\n");
  EXPECT_EQ(proxy.router().Evict(kRoute, Soon()).error().code, ErrorCode::kPermissionDenied);
}

TEST(HaproxyRouter, FailsOnGarbage) {
  FakeProxy proxy;
  proxy.Instead("show ", "SSH-2.0-OpenSSH_9.2p1\r\n\n\n");
  ExpectBothFail(proxy, ErrorCode::kUnavailable, "SSH-2.0-OpenSSH_9.2p1");
  EXPECT_TRUE(proxy.changes().empty());
}

TEST(HaproxyRouter, FailsOnAnAnswerWithoutText) {
  FakeProxy proxy;
  proxy.Instead("show ", "\n");
  ExpectBothFail(proxy, ErrorCode::kUnavailable, "no answer to 'show servers state'");
}

TEST(HaproxyRouter, FailsWhenItIsClosedAtOnce) {
  FakeProxy proxy;
  proxy.Instead("show ", "");
  ExpectBothFail(proxy, ErrorCode::kUnavailable, "closed without an answer");
}

TEST(HaproxyRouter, NamesTheServersThatThereAre) {
  FakeProxy proxy;
  const auto applied = proxy.router().Apply({.backend = "checkout", .baseline = "a", .canary = "z"},
                                            Bp(500), Soon());
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(applied.error().message, HasSubstr("no server 'z'; it has a, b"));
}

TEST(HaproxyRouter, FailsWhenTheTwoTablesDisagree) {
  FakeProxy proxy;
  proxy.Instead("show stat", "# pxname,svname,scur,stot,bck\ncheckout,a,1,10,0\n\n");
  const auto seen = proxy.router().Observe(kRoute, Soon());
  ASSERT_FALSE(seen.ok());
  EXPECT_EQ(seen.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(seen.error().message, HasSubstr("'show stat' lacks server 'b'"));
}

TEST(HaproxyRouter, WaitsForAnotherChangeNoLongerThanItsDeadline) {
  std::atomic<bool> reached = false;
  std::atomic<bool> released = false;
  const ScriptedSocket slow([&](ScriptedSocket::Connection& peer) {
    peer.ReadLine();
    reached = true;
    while (!released) std::this_thread::yield();
    peer.Write("Can't find backend.\n\n");
  });
  HaproxyRouter router({RuntimeSocket::Parse(slow.path()).value()}, 20s);
  std::thread first([&router] {
    EXPECT_EQ(router.Apply(kRoute, Bp(500), MonotonicTime::max()).error().code,
              ErrorCode::kNotFound);
  });
  while (!reached) std::this_thread::yield();
  const auto second = router.Apply(kRoute, Bp(500), std::chrono::steady_clock::now() + 20ms);
  released = true;
  first.join();
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr("nothing was sent"));
  // The turn went back although the first change failed.
  EXPECT_EQ(router.Apply(kRoute, Bp(500), Soon()).error().code, ErrorCode::kNotFound);
}

TEST(HaproxyRouter, TakesNoLongerThanItsTimeout) {
  const ScriptedSocket hung(
      [](ScriptedSocket::Connection& peer) { peer.WaitUntilThePeerLeaves(); });
  HaproxyRouter router({RuntimeSocket::Parse(hung.path()).value()}, 50ms);
  const auto applied = router.Apply(kRoute, Bp(500), MonotonicTime::max());
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(applied.error().message, HasSubstr("the deadline passed"));
}

}  // namespace
}  // namespace auspex::traffic
