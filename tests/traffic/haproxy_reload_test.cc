#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "auspex/traffic/haproxy/haproxy_router.h"
#include "tests/traffic/eventually.h"
#include "tests/traffic/haproxy_rig.h"
#include "tests/traffic/tiny_http.h"

// A real HAProxy that reloads or dies under load, and a controller that looks once a tick and sets
// again what it wants.
namespace auspex::traffic {
namespace {

using auspex::testing::Eventually;
using auspex::testing::GetLetters;
using auspex::testing::HaproxyMode;
using auspex::testing::HaproxyRig;
using auspex::testing::TinyHttpServer;

const Route kRoute{.backend = "checkout", .baseline = "a", .canary = "b"};

MonotonicTime Soon() { return std::chrono::steady_clock::now() + 20s; }

// Clients that come one after the other, until the end.
class Load {
 public:
  explicit Load(std::uint16_t port) {
    for (int i = 0; i < 2; ++i) {
      clients_.emplace_back([this, port] {
        while (!ending_) GetLetters(port, 1).ok() ? ++answered_ : ++failed_;
      });
    }
  }
  ~Load() {
    ending_ = true;
    for (std::thread& client : clients_) client.join();
  }
  [[nodiscard]] int answered() const { return answered_; }
  [[nodiscard]] int failed() const { return failed_; }

 private:
  std::atomic<bool> ending_ = false;
  std::atomic<int> answered_ = 0;
  std::atomic<int> failed_ = 0;
  std::vector<std::thread> clients_;
};

class HaproxyReload : public ::testing::TestWithParam<HaproxyMode> {
 protected:
  // The file gives the canary nothing.
  void SetUp() override {
    auto started = HaproxyRig::Start(fmt::format("backend checkout\n  balance random(1)\n"
                                                 "  server a 127.0.0.1:{} weight 256\n"
                                                 "  server b 127.0.0.1:{} weight 0\n",
                                                 a_.port(), b_.port()),
                                     GetParam());
    ASSERT_TRUE(started.ok()) << started.error().message;
    proxy_ = *std::move(started);
    router_ = std::make_unique<HaproxyRouter>(
        std::vector{RuntimeSocket::Parse(proxy_->socket()).value()}, 20s);
    ASSERT_TRUE(router_->Apply(kRoute, Weight::Whole(), Soon()).ok());
  }

  // What the engine does at the end of a tick. True: all obeyed.
  bool Tick() {
    const auto view = router_->Observe(kRoute, Soon());
    if (view.ok() && WhoDisobeys(*view, Weight::Whole()).empty()) return true;
    if (view.ok()) {
      EXPECT_EQ(view->weight, Weight::Zero());  // the file's, and nothing between
    }
    set_again_ += router_->Apply(kRoute, Weight::Whole(), Soon()).ok() ? 1 : 0;
    return false;
  }
  void ExpectAllOnTheCanary() {
    const auto letters = GetLetters(proxy_->port(), 50);
    ASSERT_TRUE(letters.ok()) << letters.error().message;
    EXPECT_EQ(*letters, std::string(50, 'b'));
  }

  TinyHttpServer a_{'a'};
  TinyHttpServer b_{'b'};
  std::unique_ptr<HaproxyRig> proxy_;
  std::unique_ptr<HaproxyRouter> router_;
  int set_again_ = 0;
};

TEST_P(HaproxyReload, TheWeightIsBackOnceTheNewProcessIsLookedAt) {
  const Load load(proxy_->port());
  const pid_t old = proxy_->ServingPid();
  ASSERT_GT(old, 0);
  proxy_->Reload();
  // The old process answers for a moment, and all is well with it.
  const auto replaced = [&] {
    const pid_t now = proxy_->ServingPid();
    return now > 0 && now != old;
  };
  ASSERT_TRUE(Eventually([&] {
    const bool obeyed = Tick();
    return obeyed && set_again_ > 0 && replaced();
  }));
  EXPECT_EQ(set_again_, 1);
  ExpectAllOnTheCanary();
  EXPECT_TRUE(Eventually([&] { return load.answered() > 10; }));
}

// A weight that the old process confirmed while the new one was starting is found missing.
TEST_P(HaproxyReload, AWeightThatTheOldProcessTookIsSetAgain) {
  const pid_t old = proxy_->ServingPid();
  ASSERT_TRUE(router_->Apply(kRoute, Weight::Zero(), Soon()).ok());
  proxy_->Reload();
  ASSERT_EQ(router_->Apply(kRoute, Weight::Whole(), Soon()), Weight::Whole());
  ASSERT_TRUE(Eventually([&] {
    const pid_t now = proxy_->ServingPid();
    return now > 0 && now != old;
  }));
  // One tick: it is right already, or is made so.
  Tick();
  EXPECT_TRUE(Tick());
  ExpectAllOnTheCanary();
}

TEST_P(HaproxyReload, AfterACrashUnderLoadTheWeightIsBack) {
  const Load load(proxy_->port());
  EXPECT_TRUE(Eventually([&] { return load.answered() > 10; }));
  proxy_->Kill();
  EXPECT_FALSE(Tick());
  EXPECT_EQ(set_again_, 0);
  ASSERT_TRUE(proxy_->Restart().ok());
  EXPECT_FALSE(Tick());
  EXPECT_TRUE(Tick());
  EXPECT_EQ(set_again_, 1);
  ExpectAllOnTheCanary();
}

std::string ModeName(const ::testing::TestParamInfo<HaproxyMode>& info) {
  return info.param == HaproxyMode::kMasterWorker ? "masterworker" : "takeover";
}

INSTANTIATE_TEST_SUITE_P(Every, HaproxyReload,
                         ::testing::Values(HaproxyMode::kMasterWorker, HaproxyMode::kOneProcess),
                         ModeName);

}  // namespace
}  // namespace auspex::traffic
