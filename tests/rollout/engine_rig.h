#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/rollout/engine.h"
#include "auspex/rollout/replay.h"
#include "auspex/traffic/memory/memory_router.h"
#include "tests/rollout/simulation.h"
#include "tests/rollout/temp_ledger.h"
#include "tests/storage/troubled_ledger.h"

// An engine over a real ledger, a remembered proxy and made-up traffic, in real time.
namespace auspex::rollout::testing {

using telemetry::ServerKey;

inline const traffic::Route kRoute{.backend = "shop", .baseline = "a", .canary = "b"};

// The registry owns what it makes; the test keeps the router.
class SharedRouter final : public traffic::Router {
 public:
  // `drained`: nobody gets traffic, as with both weights at 0.
  SharedRouter(std::shared_ptr<traffic::MemoryRouter> router, const std::atomic<bool>* drained)
      : router_(std::move(router)), drained_(drained) {}
  Result<Weight> Apply(const traffic::Route& route, Weight weight,
                       MonotonicTime deadline) override {
    return router_->Apply(route, weight, deadline);
  }
  Result<traffic::RouteView> Observe(const traffic::Route& route, MonotonicTime deadline) override {
    Result<traffic::RouteView> view = router_->Observe(route, deadline);
    if (view.ok() && *drained_)
      view->weight = view->canary.share = view->baseline.share = Weight::Zero();
    return view;
  }
  Status Evict(const traffic::Route& route, MonotonicTime deadline) override {
    return router_->Evict(route, deadline);
  }
  Status Admit(const traffic::Route& route, MonotonicTime deadline) override {
    return router_->Admit(route, deadline);
  }
  [[nodiscard]] Weight Nearest(Weight weight) const override { return router_->Nearest(weight); }

 private:
  std::shared_ptr<traffic::MemoryRouter> router_;
  const std::atomic<bool>* drained_;
};

// A metrics server that takes its time, or fails.
class FakeMetrics final : public telemetry::MetricSource {
 public:
  std::atomic<int> delay_ms = 0;
  std::atomic<bool> fails = false;
  Result<std::vector<telemetry::Series>> Instant(std::string_view query, WallTime at,
                                                 MonotonicTime /*deadline*/) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms.load()));
    if (fails) return Fail(ErrorCode::kUnavailable, "the metrics server is away");
    const double value = query.find("v2") == std::string_view::npos ? 100 : 110;
    return std::vector<telemetry::Series>{{.labels = {}, .points = {{at, value}}}};
  }
  Result<std::vector<telemetry::Series>> Over(std::string_view /*query*/, const Range& /*range*/,
                                              MonotonicTime /*deadline*/) override {
    return Fail(ErrorCode::kUnavailable, "not asked in these tests");
  }
};

// 2,000 requests a tick, shared out as the router says.
class FakeRequests final : public telemetry::RequestSource {
 public:
  explicit FakeRequests(std::shared_ptr<traffic::MemoryRouter> router)
      : router_(std::move(router)) {}

  void SetErrorRate(const std::string& server, double rate) {
    const std::lock_guard lock(mutex_);
    rates_[server] = rate;
  }
  std::map<std::string, telemetry::Edges> EdgesSet() {
    const std::lock_guard lock(mutex_);
    return edges_set_;
  }

  void Track(const ServerKey& server) override {
    const std::lock_guard lock(mutex_);
    lines_.emplace(server.server, 0);
  }
  void Forget(const ServerKey& server) override {
    const std::lock_guard lock(mutex_);
    lines_.erase(server.server);
  }
  void SetEdges(const ServerKey& server, const telemetry::Edges& edges) override {
    const std::lock_guard lock(mutex_);
    edges_set_[server.server] = edges;
  }
  telemetry::ServerTick Take(const ServerKey& server, std::optional<WallTime> /*until*/) override {
    const std::lock_guard lock(mutex_);
    telemetry::ServerTick tick;
    if (!lines_.contains(server.server) || !connected) return tick;
    if (const auto view = router_->Observe(kRoute, {}); view.ok()) weight_ = view->weight;
    const double share = server.server == kRoute.canary ? weight_.share() : 1 - weight_.share();
    tick.requests = std::llround(2000 * share);
    tick.errors = random_.Binomial(tick.requests, rates_[server.server]);
    tick.has_edges = edges_set_.contains(server.server);
    if (tick.has_edges) {
      tick.slower = {tick.requests / 2, tick.requests / 10, tick.requests / 100,
                     tick.requests / 1000};
    }
    tick.harmed = tick.errors;
    tick.routes["/"] = {.requests = tick.requests, .errors = tick.errors};
    tick.latency_us.Add(1000, tick.requests / 2);
    tick.latency_us.Add(2000, tick.requests * 4 / 10);
    tick.latency_us.Add(9000, tick.requests / 10);
    lines_[server.server] += tick.requests;
    return tick;
  }
  [[nodiscard]] std::int64_t LinesOf(const ServerKey& server) const override {
    const std::lock_guard lock(mutex_);
    const auto found = lines_.find(server.server);
    return found == lines_.end() ? 0 : found->second;
  }
  [[nodiscard]] std::int64_t LinesHeard(const ServerKey& server) const override {
    return LinesOf(server);
  }
  [[nodiscard]] std::int64_t LinesFrom(std::string_view /*host*/,
                                       std::int64_t /*process*/) const override {
    return 0;
  }
  [[nodiscard]] telemetry::FeedHealth Health() const override { return {.connected = connected}; }
  std::atomic<bool> connected = true;

 private:
  std::shared_ptr<traffic::MemoryRouter> router_;
  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t> lines_;
  std::map<std::string, telemetry::Edges> edges_set_;
  std::map<std::string, double> rates_{{"a", .01}, {"b", .01}};
  Weight weight_;
  Random random_{5};
};

inline ServiceConfig Shop() {
  ServiceConfig service;
  service.name = "shop";
  service.criticality = 4;
  service.mode = Mode::kFast;
  service.prior_risk = .005;
  service.time_scale = .02;
  service.tick_s = .5;
  service.warm_up_s = 1;
  service.bake_s = 3;
  service.deadline_s = 100;
  service.router = "shared";
  service.backend = kRoute.backend;
  service.servers = {kRoute.baseline, kRoute.canary};
  return service;
}

class EngineTest : public ::testing::Test {
 protected:
  explicit EngineTest(std::size_t proxies = 1)
      : router_(std::make_shared<traffic::MemoryRouter>(1, proxies)) {
    router_->AddRoute(kRoute);
    const Status added = routers_.Add(
        "shared", [this](const traffic::RouterConfig&) -> Result<std::unique_ptr<traffic::Router>> {
          return std::unique_ptr<traffic::Router>(
              std::make_unique<SharedRouter>(router_, &drained_));
        });
    EXPECT_TRUE(added.ok());
  }

  void Open() {
    disk_ = std::make_unique<storage::testing::TroubledLedger>(ledger_.get());
    auto made = Engine::Create({.ledger = disk_.get(),
                                .requests = &requests_,
                                .metrics = &metrics_,
                                .routers = &routers_,
                                .clock = &clock_,
                                .log = &log_,
                                .on_event = [this](const Engine::Event& event) { Keep(event); }},
                               {service_});
    ASSERT_TRUE(made.ok()) << made.error().message;
    engine_ = *std::move(made);
  }
  void Announce(const std::string& version = "v2") {
    if (!engine_) Open();
    const auto view = TryAnnounce(version);
    ASSERT_TRUE(view.ok()) << view.error().message;
    id_ = view->id;
  }
  Result<DeploymentView> TryAnnounce(const std::string& version = "v3") {
    return engine_->Announce({.service = "shop",
                              .version = version,
                              .baseline_version = "v1",
                              .actor = "ann",
                              .risk = {}});
  }
  // A tick's entry as stored.
  std::vector<nlohmann::json> Ticks() {
    const auto entries = ledger_->Entries({.deployment = id_, .kind = "tick"});
    EXPECT_TRUE(entries.ok());
    std::vector<nlohmann::json> ticks;
    for (const storage::Entry& entry : *entries) ticks.push_back(nlohmann::json::parse(entry.body));
    return ticks;
  }
  void StoreEntry(const std::string& kind, const std::string& body, Duration age = {}) {
    storage::Batch batch;
    batch.entries.push_back(
        {.at = clock_.Wall() - std::chrono::duration_cast<WallTime::duration>(age),
         .deployment = id_,
         .kind = kind,
         .body = body});
    ASSERT_TRUE(ledger_->Commit(batch).ok());
  }
  void Restart() {
    engine_.reset();
    ledger_.Open();
    Open();
  }
  Result<DeploymentView> Give(Order::Kind kind, Weight weight = {}) {
    return engine_->Give(id_, {.kind = kind, .weight = weight, .actor = "ann", .reason = "why"});
  }

  template <typename Condition>
  void WaitUntil(const char* what, Condition condition) {
    const MonotonicTime limit = clock_.Now() + 60s;
    while (!condition()) {
      ASSERT_LT(clock_.Now(), limit)
          << "waited in vain until " << what << "; last: " << View().last.reason;
      std::this_thread::sleep_for(10ms);
    }
  }
  void WaitUntilRunning() {
    WaitUntil("the canary has traffic", [this] { return View().last.weight > Weight::Zero(); });
  }
  void WaitUntilEnded() {
    WaitUntil("it has ended", [this] { return View().ended_at.has_value(); });
  }

  DeploymentView View() {
    const auto view = engine_->Get(id_);
    EXPECT_TRUE(view.ok());
    return view.value_or(DeploymentView{});
  }
  Weight AtRouter() {
    const auto view = router_->Observe(kRoute, {});
    EXPECT_TRUE(view.ok());
    return view.ok() ? view->weight : Weight::Zero();
  }
  std::vector<std::string> Events(const std::string& type) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    for (const Engine::Event& event : events_) {
      if (event.type == type) found.push_back(event.json);
    }
    return found;
  }

  // One tick a decision, each decided anew bit for bit, each told once, times ascending.
  void ExpectWholeStory() {
    const auto entries = AllEntries(ledger_.get(), id_);
    ASSERT_TRUE(entries.ok()) << entries.error().message;
    const auto replayed = Replay(*entries);
    ASSERT_TRUE(replayed.ok()) << replayed.error().message;
    EXPECT_TRUE(replayed->differences.empty()) << replayed->differences.front();
    // A tick is stored before it is told, and later ones may be told already.
    const std::size_t lines = replayed->lines.size();
    WaitUntil("what is stored is told", [&] { return Events("decision").size() >= lines; });
    std::vector<std::string> told = Events("decision");
    told.resize(lines);
    for (std::string& event : told) event = AsDecided(event, *entries);
    EXPECT_EQ(replayed->lines, told);
    int announced = 0, outcomes = 0;
    double last = -1;
    for (const storage::Entry& entry : *entries) {
      announced += entry.kind == "announced";
      outcomes += entry.kind == "outcome";
      if (entry.kind != "tick") continue;
      const double t_s = nlohmann::json::parse(entry.body)["in"]["t_s"].get<double>();
      EXPECT_GT(t_s, last);
      last = t_s;
    }
    EXPECT_EQ(announced, 1);
    EXPECT_EQ(outcomes, View().ended_at ? 1 : 0);
  }

  // A told decision without what the ledger added, which must be the ledger's.
  static std::string AsDecided(const std::string& event,
                               const std::vector<storage::Entry>& entries) {
    nlohmann::ordered_json line = nlohmann::ordered_json::parse(event);
    const auto entry = std::find_if(entries.begin(), entries.end(), [&](const auto& one) {
      return one.seq == line["seq"].get<std::int64_t>();
    });
    EXPECT_NE(entry, entries.end()) << event;
    if (entry != entries.end()) {
      EXPECT_EQ(line["hash"], ToHex(entry->hash));
    }
    for (const char* key : {"seq", "hash", "actor"}) line.erase(key);
    return line.dump();
  }

  std::shared_ptr<traffic::MemoryRouter> router_;
  std::atomic<bool> drained_ = false;
  FakeRequests requests_{router_};
  FakeMetrics metrics_;
  traffic::RouterRegistry routers_;
  RealClock clock_;
  Logger log_{LogLevel::kError, [](std::string_view) {}};
  TempLedger ledger_;
  std::unique_ptr<storage::testing::TroubledLedger> disk_;
  ServiceConfig service_ = Shop();
  std::string id_;
  std::mutex mutex_;
  std::vector<Engine::Event> events_;
  std::unique_ptr<Engine> engine_;  // ends first

 private:
  void Keep(const Engine::Event& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
};

}  // namespace auspex::rollout::testing
