#include "auspex/rollout/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "auspex/base/random.h"
#include "auspex/rollout/codec.h"
#include "auspex/rollout/replay.h"
#include "auspex/traffic/memory/memory_router.h"
#include "tests/rollout/simulation.h"
#include "tests/rollout/temp_ledger.h"

namespace auspex::rollout {
namespace {

using nlohmann::json;
using telemetry::ServerKey;
using testing::Bp;
using ::testing::HasSubstr;
using testing::TempLedger;

const traffic::Route kRoute{.backend = "shop", .baseline = "a", .canary = "b"};

// The registry owns what it makes; the test keeps the router.
class SharedRouter final : public traffic::Router {
 public:
  explicit SharedRouter(std::shared_ptr<traffic::MemoryRouter> router)
      : router_(std::move(router)) {}
  Result<Weight> Apply(const traffic::Route& route, Weight weight,
                       MonotonicTime deadline) override {
    return router_->Apply(route, weight, deadline);
  }
  Result<traffic::RouteView> Observe(const traffic::Route& route, MonotonicTime deadline) override {
    return router_->Observe(route, deadline);
  }
  [[nodiscard]] Weight Nearest(Weight weight) const override { return router_->Nearest(weight); }

 private:
  std::shared_ptr<traffic::MemoryRouter> router_;
};

// A ledger whose disk is full while `refuses` is set.
class FullDisk final : public storage::Ledger {
 public:
  explicit FullDisk(storage::Ledger* ledger) : ledger_(ledger) {}
  std::atomic<bool> refuses = false;

  Result<std::vector<storage::Entry>> Commit(const storage::Batch& batch) override {
    if (refuses) return Fail(ErrorCode::kUnavailable, "the disk is full");
    return ledger_->Commit(batch);
  }
  Result<std::vector<storage::Entry>> Entries(const EntryQuery& query) override {
    return ledger_->Entries(query);
  }
  Result<std::vector<storage::DeploymentRow>> Deployments(
      const storage::DeploymentQuery& query) override {
    return ledger_->Deployments(query);
  }
  Result<storage::DeploymentRow> Deployment(std::string_view id) override {
    return ledger_->Deployment(id);
  }
  Result<std::vector<storage::BaselineRow>> Baselines(std::string_view service,
                                                      WallTime since) override {
    return ledger_->Baselines(service, since);
  }
  Status Pack(std::string_view deployment, WallTime now) override {
    return ledger_->Pack(deployment, now);
  }
  Result<std::int64_t> Expire(WallTime before) override { return ledger_->Expire(before); }

 private:
  storage::Ledger* ledger_;
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
    if (!lines_.contains(server.server)) return tick;
    if (const auto view = router_->Observe(kRoute, {}); view.ok()) weight_ = view->weight;
    const double share = server.server == kRoute.canary ? weight_.share() : 1 - weight_.share();
    tick.requests = std::llround(2000 * share);
    tick.errors = random_.Binomial(tick.requests, rates_[server.server]);
    tick.has_edges = edges_set_.contains(server.server);
    if (tick.has_edges) tick.slower = {tick.requests / 2, tick.requests / 10, tick.requests / 100};
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
  [[nodiscard]] telemetry::FeedHealth Health() const override { return {.connected = true}; }

 private:
  std::shared_ptr<traffic::MemoryRouter> router_;
  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t> lines_;
  std::map<std::string, telemetry::Edges> edges_set_;
  std::map<std::string, double> rates_{{"a", .01}, {"b", .01}};
  Weight weight_;
  Random random_{5};
};

ServiceConfig Shop() {
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
  EngineTest() {
    router_->AddRoute(kRoute);
    const Status added = routers_.Add(
        "shared", [this](const traffic::RouterConfig&) -> Result<std::unique_ptr<traffic::Router>> {
          return std::unique_ptr<traffic::Router>(std::make_unique<SharedRouter>(router_));
        });
    EXPECT_TRUE(added.ok());
  }

  void Open() {
    disk_ = std::make_unique<FullDisk>(ledger_.get());
    auto made = Engine::Create({.ledger = disk_.get(),
                                .requests = &requests_,
                                .metrics = nullptr,
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
    std::vector<std::string> told = Events("decision");
    EXPECT_EQ(replayed->lines, told);
    int announced = 0, outcomes = 0;
    double last = -1;
    for (const storage::Entry& entry : *entries) {
      announced += entry.kind == "announced";
      outcomes += entry.kind == "outcome";
      if (entry.kind != "tick") continue;
      const double t_s = json::parse(entry.body)["in"]["t_s"].get<double>();
      EXPECT_GT(t_s, last);
      last = t_s;
    }
    EXPECT_EQ(announced, 1);
    EXPECT_EQ(outcomes, View().ended_at ? 1 : 0);
  }

  std::shared_ptr<traffic::MemoryRouter> router_ = std::make_shared<traffic::MemoryRouter>();
  FakeRequests requests_{router_};
  traffic::RouterRegistry routers_;
  RealClock clock_;
  Logger log_{LogLevel::kError, [](std::string_view) {}};
  TempLedger ledger_;
  std::unique_ptr<FullDisk> disk_;
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

TEST_F(EngineTest, PromotesAGoodCanary) {
  Announce();
  EXPECT_EQ(View().state, "observing");
  WaitUntilEnded();
  const DeploymentView view = View();
  EXPECT_EQ(view.last.action, Action::kPromote) << view.last.reason;
  EXPECT_EQ(view.state, "ended");
  EXPECT_EQ(AtRouter(), Weight::Whole());
  EXPECT_TRUE(engine_->Running().empty());
  ExpectWholeStory();
  const std::int64_t ticks = static_cast<std::int64_t>(Events("decision").size()) - 1;
  EXPECT_EQ(engine_->counters().decisions, ticks);
  EXPECT_EQ(Events("state").size(), 1U);

  const auto row = ledger_->Deployment(id_);
  ASSERT_TRUE(row.ok());
  EXPECT_TRUE(row->ended);
  const auto edges = requests_.EdgesSet();
  EXPECT_GT(edges.at("b").slower_us[2], edges.at("a").slower_us[2]);

  // The next one has history and swaps the slots: it is not observed first.
  Announce("v3");
  EXPECT_EQ(View().state, "running");
  WaitUntil("the old slot has traffic",
            [this] { return AtRouter() < Weight::Whole() && AtRouter() > Weight::Zero(); });
}

TEST_F(EngineTest, RollsBackAnErringCanary) {
  requests_.SetErrorRate("b", .5);
  Announce();
  WaitUntilEnded();
  const DeploymentView view = View();
  EXPECT_EQ(view.last.action, Action::kRollBack);
  EXPECT_EQ(view.last.verdict, Verdict::kFail);
  EXPECT_THAT(view.last.reason, HasSubstr("errors"));
  EXPECT_EQ(AtRouter(), Weight::Zero());
  EXPECT_FALSE(Events("alert").empty());
  ExpectWholeStory();
}

TEST_F(EngineTest, HoldsWhileTheRouterIsAwayThenGoesOn) {
  service_.bake_s = 4;
  Announce();
  WaitUntilRunning();
  router_->SetUnavailable("the socket is closed");
  const auto away = [this] {
    return View().last.reason.find("the router does not answer") != std::string::npos;
  };
  WaitUntil("it holds", away);
  const Weight held = View().last.weight;
  const std::int64_t decisions = engine_->counters().decisions;
  WaitUntil("some ticks are over", [&] { return engine_->counters().decisions >= decisions + 3; });
  EXPECT_TRUE(away()) << View().last.reason;
  EXPECT_LE(View().last.weight, held);
  EXPECT_GT(engine_->counters().router_errors, 0);
  router_->SetUnavailable("");
  WaitUntilEnded();
  EXPECT_EQ(View().last.action, Action::kPromote) << View().last.reason;
  EXPECT_EQ(AtRouter(), Weight::Whole());
  ExpectWholeStory();
}

TEST_F(EngineTest, GoesOnAfterARestart) {
  Announce();
  WaitUntilRunning();
  engine_.reset();
  const std::size_t before = Events("decision").size();
  EXPECT_GE(before, 3U);
  ledger_.Open();
  // While it was away somebody took the traffic back.
  ASSERT_TRUE(router_->Apply(kRoute, Weight::Zero(), {}).ok());
  Open();
  EXPECT_EQ(engine_->Running().size(), 1U);
  EXPECT_EQ(Events("decision").size(), before);
  WaitUntil("the weight is back", [this] { return AtRouter() > Weight::Zero(); });
  WaitUntilEnded();
  EXPECT_EQ(View().last.action, Action::kPromote) << View().last.reason;
  ExpectWholeStory();
  // What has ended stays so.
  engine_.reset();
  ledger_.Open();
  Open();
  EXPECT_TRUE(engine_->Running().empty());
}

TEST_F(EngineTest, RestartsInTheMiddleOfObservingToo) {
  Announce();
  WaitUntil("a tick is over", [this] { return engine_->counters().decisions >= 1; });
  engine_.reset();
  ledger_.Open();
  Open();
  EXPECT_EQ(View().state, "observing");
  WaitUntilRunning();
  engine_.reset();
  ledger_.Open();
  Open();
  ExpectWholeStory();
}

TEST_F(EngineTest, RefusesASecondDeploymentOfAService) {
  service_.bake_s = 100;
  Announce();
  const auto expect_conflict = [this] {
    const auto second = TryAnnounce();
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::kConflict) << second.error().message;
    EXPECT_THAT(second.error().message, HasSubstr(id_));
  };
  expect_conflict();  // while it observes
  WaitUntilRunning();
  expect_conflict();  // while the router's weight is between
  ASSERT_TRUE(Give(Order::Kind::kAbort).ok());
  WaitUntilEnded();
  EXPECT_TRUE(TryAnnounce().ok());
}

TEST_F(EngineTest, RefusesWhatCannotBegin) {
  Open();
  const auto code_of = [this](const Engine::Announcement& announcement) {
    const auto view = engine_->Announce(announcement);
    return view.ok() ? ErrorCode::kInternal : view.error().code;
  };
  const Engine::Announcement good{
      .service = "shop", .version = "v2", .baseline_version = "", .actor = "ann", .risk = {}};
  Engine::Announcement bad = good;
  bad.service = "shed";
  EXPECT_EQ(code_of(bad), ErrorCode::kNotFound);
  bad = good;
  bad.version = "v 2";
  EXPECT_EQ(code_of(bad), ErrorCode::kInvalidArgument);
  bad = good;
  bad.risk = 1.5;
  EXPECT_EQ(code_of(bad), ErrorCode::kInvalidArgument);
  router_->SetUnavailable("closed");
  EXPECT_EQ(code_of(good), ErrorCode::kUnavailable);
  router_->SetUnavailable("");
  ASSERT_TRUE(router_->Apply(kRoute, Bp(3000), {}).ok());
  EXPECT_EQ(code_of(good), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(engine_->Running().empty());
  EXPECT_EQ(engine_->Get("nobody").error().code, ErrorCode::kNotFound);
}

TEST_F(EngineTest, ObeysOrders) {
  service_.bake_s = 100;
  Announce();
  const auto early = Give(Order::Kind::kWeight, Bp(1000));
  ASSERT_FALSE(early.ok());
  EXPECT_EQ(early.error().code, ErrorCode::kConflict);
  WaitUntilRunning();
  ASSERT_TRUE(Give(Order::Kind::kPause).ok());
  WaitUntil("it is paused", [this] { return View().state == "paused"; });
  EXPECT_THAT(View().last.reason, HasSubstr("ann: why"));
  ASSERT_TRUE(Give(Order::Kind::kWeight, Bp(1234)).ok());
  WaitUntil("the weight is set", [this] { return AtRouter() == Bp(1234); });
  ASSERT_TRUE(Give(Order::Kind::kResume).ok());
  WaitUntil("it goes on", [this] { return View().last.weight > Bp(1234); });
  const auto silent =
      engine_->Give(id_, {.kind = Order::Kind::kAbort, .weight = {}, .actor = "ann", .reason = ""});
  ASSERT_FALSE(silent.ok());
  EXPECT_EQ(silent.error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(Give(Order::Kind::kAbort).ok());
  WaitUntilEnded();
  EXPECT_EQ(View().last.verdict, Verdict::kNotProven);
  EXPECT_EQ(View().last.by, "manual");
  EXPECT_EQ(AtRouter(), Weight::Zero());
  WaitUntil("it takes no more orders", [this] {
    const auto late = Give(Order::Kind::kPause);
    return !late.ok() && late.error().code == ErrorCode::kConflict;
  });
  const auto unknown = engine_->Give(
      "nobody", {.kind = Order::Kind::kPause, .weight = {}, .actor = "ann", .reason = "why"});
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  ExpectWholeStory();
}

TEST_F(EngineTest, SetsAWeightAgainThatSomebodyElseChanged) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  ASSERT_TRUE(Give(Order::Kind::kWeight, Bp(700)).ok());
  WaitUntil("the weight is set", [this] { return View().weight_given == Bp(700); });
  const std::int64_t before = engine_->counters().reasserted;
  ASSERT_TRUE(router_->Apply(kRoute, Bp(5000), {}).ok());
  WaitUntil("it noticed", [&] { return engine_->counters().reasserted > before; });
  WaitUntil("it is set again", [this] { return AtRouter() == Bp(700); });
  const auto ticks = ledger_->Entries({.deployment = id_, .kind = "tick"});
  ASSERT_TRUE(ticks.ok());
  EXPECT_TRUE(std::any_of(ticks->begin(), ticks->end(), [](const storage::Entry& entry) {
    return entry.body.find("the router had the weight 50%") != std::string::npos;
  }));
}

TEST_F(EngineTest, AnOrderIsInTheLedgerBeforeItIsAnswered) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  ASSERT_TRUE(Give(Order::Kind::kPause).ok());
  const auto orders = ledger_->Entries({.deployment = id_, .kind = "order"});
  ASSERT_TRUE(orders.ok());
  ASSERT_EQ(orders->size(), 1U);
  EXPECT_THAT(orders->front().body, HasSubstr("pause"));
}

TEST_F(EngineTest, ObeysAfterACrashWhatWasOrderedBeforeIt) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  engine_.reset();
  // Stored, and the process died before the tick was closed.
  storage::Batch batch;
  batch.entries.push_back({.at = clock_.Wall(),
                           .deployment = id_,
                           .kind = "order",
                           .body = ToJson(Order{.kind = Order::Kind::kAbort,
                                                .weight = {},
                                                .actor = "ann",
                                                .reason = "before the crash"})});
  ASSERT_TRUE(ledger_->Commit(batch).ok());
  ledger_.Open();
  Open();
  WaitUntilEnded();
  EXPECT_THAT(View().last.reason, HasSubstr("aborted by ann: before the crash"));
  EXPECT_EQ(AtRouter(), Weight::Zero());
  ExpectWholeStory();
}

TEST_F(EngineTest, CarriesNothingOutThatIsNotStored) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  disk_->refuses = true;
  WaitUntil("the ledger refused", [this] { return engine_->counters().ledger_errors > 0; });
  const Weight held = AtRouter();
  const std::size_t decisions = Events("decision").size();
  const auto order = Give(Order::Kind::kAbort);
  ASSERT_FALSE(order.ok());
  EXPECT_EQ(order.error().code, ErrorCode::kUnavailable);
  engine_.reset();  // it stops while it waits for the disk
  EXPECT_EQ(AtRouter(), held);
  EXPECT_EQ(Events("decision").size(), decisions);
  ledger_.Open();
  Open();
  WaitUntil("it goes on", [&] { return Events("decision").size() > decisions; });
  ExpectWholeStory();
}

TEST_F(EngineTest, GoesOnOnceTheDiskHasRoomAgain) {
  Announce();
  WaitUntilRunning();
  disk_->refuses = true;
  WaitUntil("the ledger refused", [this] { return engine_->counters().ledger_errors > 1; });
  disk_->refuses = false;
  WaitUntilEnded();
  EXPECT_EQ(View().last.action, Action::kPromote) << View().last.reason;
  ExpectWholeStory();
}

TEST_F(EngineTest, KeepsWhatItSawOfTheBaselineAlsoBeforeTheEnd) {
  service_.bake_s = 100;
  Announce();
  WaitUntil("an aggregate is stored", [this] {
    const auto rows = ledger_->Baselines("shop", {});
    return rows.ok() && !rows->empty();
  });
  EXPECT_FALSE(View().ended_at.has_value());
}

TEST_F(EngineTest, WaitsForApprovalAlsoOverARestart) {
  service_.bake_s = 100;
  service_.prior_risk = .4;
  service_.approval = Approval{.above_risk = .3};
  Announce();
  EXPECT_EQ(View().state, "waiting");
  EXPECT_EQ(Events("alert").size(), 1U);
  const auto promote = Give(Order::Kind::kPromote);
  ASSERT_FALSE(promote.ok());
  EXPECT_EQ(promote.error().code, ErrorCode::kConflict);
  engine_.reset();
  ledger_.Open();
  Open();
  EXPECT_EQ(View().state, "waiting");
  EXPECT_EQ(AtRouter(), Weight::Zero());
  ASSERT_TRUE(Give(Order::Kind::kApprove).ok());
  WaitUntilRunning();
  EXPECT_EQ(Give(Order::Kind::kReject).error().code, ErrorCode::kConflict);
  ExpectWholeStory();
}

TEST_F(EngineTest, TellsTheEvidence) {
  service_.bake_s = 100;
  Announce();
  WaitUntilRunning();
  const auto text = engine_->Evidence(id_);
  ASSERT_TRUE(text.ok());
  const json evidence = json::parse(*text);
  EXPECT_EQ(evidence["deployment"], id_);
  EXPECT_GE(evidence["metrics"].size(), 8U);
  EXPECT_EQ(engine_->Evidence("nobody").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace auspex::rollout
