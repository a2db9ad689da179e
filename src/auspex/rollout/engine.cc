#include "auspex/rollout/engine.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "auspex/base/ids.h"
#include "auspex/rollout/codec.h"
#include "auspex/rollout/live.h"
#include "auspex/rollout/replay.h"
#include "auspex/rollout/signals.h"
#include "auspex/rollout/worker_pool.h"

namespace auspex::rollout {
namespace {

constexpr Duration kLateLines = 200ms;  // a tick is closed this long after its end
constexpr Duration kRouterPatience = 2s;
constexpr Duration kRetryAfter = 500ms;
constexpr Duration kClockTolerance = 100ms;  // a larger step between two ticks is a jump
constexpr Duration kIdle = 1s;
constexpr Duration kAnswerPatience = 10s;  // of a caller that waits for the engine's thread
constexpr std::chrono::days kHistoryDays{7};
constexpr std::size_t kWorkers = 8, kMostJobs = 4096, kMostEndedViews = 1000;

// The text up to its first digit: alerts that differ in figures alone are the same alert.
std::string AlertKey(const std::string& text) {
  return text.substr(0, text.find_first_of("0123456789"));
}

Failure AlreadyRuns(std::string_view id, std::string_view service) {
  return Fail(ErrorCode::kConflict,
              "deployment {} of service {} is still running; wait for its end or abort it", id,
              service);
}

class EngineImpl final : public Engine {
 public:
  EngineImpl(Dependencies dependencies, std::vector<ServiceConfig> services)
      : deps_(std::move(dependencies)),
        services_(std::move(services)),
        pool_(std::make_unique<WorkerPool>(kWorkers, kMostJobs)) {}

  ~EngineImpl() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    pool_.reset();
  }

  Status Init() {
    for (const ServiceConfig& service : services_) {
      Result<std::unique_ptr<traffic::Router>> router =
          deps_.routers->Create(service.router, service.router_config);
      if (!router.ok()) return Within("service " + service.name, router.error());
      routers_[service.name] = std::shared_ptr<traffic::Router>(*std::move(router));
    }
    AUSPEX_TRY(Recover());
    thread_ = std::thread([this] { Run(); });
    return {};
  }

  Result<DeploymentView> Announce(const Announcement& announcement) override;
  Result<DeploymentView> Give(std::string_view id, const Order& order) override;

  Result<DeploymentView> Get(std::string_view id) const override {
    const std::lock_guard lock(views_mutex_);
    const auto found = views_.find(id);
    if (found == views_.end()) return Fail(ErrorCode::kNotFound, "no deployment '{}'", id);
    return found->second;
  }

  Result<std::string> Evidence(std::string_view id) const override {
    return const_cast<EngineImpl*>(this)->Ask<std::string>(
        [this, name = std::string(id)]() -> Result<std::string> {
          const auto found = lives_.find(name);
          if (found != lives_.end()) return EvidenceJson(name, found->second.rollout);
          AUSPEX_TRY(const std::vector<storage::Entry> entries, AllEntries(deps_.ledger, name));
          AUSPEX_TRY(const Replayed replayed, Replay(entries));
          return EvidenceJson(name, replayed.rollout);
        });
  }

  [[nodiscard]] std::vector<DeploymentView> Running() const override {
    const std::lock_guard lock(views_mutex_);
    std::vector<DeploymentView> running;
    for (const auto& [id, view] : views_) {
      if (!view.ended_at) running.push_back(view);
    }
    return running;
  }

  [[nodiscard]] const std::vector<ServiceConfig>& services() const override { return services_; }

  [[nodiscard]] Counters counters() const override {
    return {.decisions = decisions_,
            .passes = passes_,
            .router_errors = router_errors_,
            .ledger_errors = ledger_errors_,
            .reasserted = reasserted_};
  }

 private:
  // ---- messages to the engine's thread

  void Post(std::function<void()> message) {
    {
      const std::lock_guard lock(mutex_);
      inbox_.push_back(std::move(message));
    }
    wake_.notify_all();
  }

  // Runs `question` on the engine's thread and waits for its answer.
  template <typename T, typename F>
  Result<T> Ask(F question) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    std::future<Result<T>> answer = promise->get_future();
    Post([promise, question = std::move(question)] { promise->set_value(question()); });
    if (answer.wait_for(kAnswerPatience) != std::future_status::ready) {
      return Fail(ErrorCode::kUnavailable,
                  "the engine did not answer within {}; is its disk full or slow?",
                  ToText(kAnswerPatience));
    }
    return answer.get();
  }

  void Run();
  void Pass();
  Duration UntilNextDue() const;

  // ---- a tick
  void BeginClosing(Live* live);
  Turn Close(Live* live, storage::Batch* batch);
  void Adopt(Live* live, Turn turn);
  bool LooksJumped(Live* live) const;
  [[nodiscard]] bool CommitOrWait(const storage::Batch& batch);

  // ---- the router and the metrics server
  void ApplyWeight(Live* live, Weight weight);
  void OnApplied(const std::string& id, Weight asked, const Result<Weight>& given);
  void OnObserved(const std::string& id, MonotonicTime tick_end, std::int64_t lines,
                  Result<traffic::RouteView> view);
  void AskSignals(Live* live);
  void Complete(Live* live);

  // ---- the life of a deployment
  Result<Announced> Prepare(const Announcement& announcement);
  Result<DeploymentView> Begin(Announced announced);
  Status AddHistory(Announced* announced);
  Status Recover();
  Result<Live> Revive(const storage::DeploymentRow& row);
  void Attach(Live* live);
  void Alert(Live* live, const std::string& text);
  void Publish(const Live& live, const std::string& type, std::string json);
  void UpdateView(const Live& live);
  storage::DeploymentRow RowOf(const Live& live) const;

  const ServiceConfig* FindService(std::string_view name) const {
    const auto found = std::find_if(services_.begin(), services_.end(),
                                    [&](const auto& s) { return s.name == name; });
    return found == services_.end() ? nullptr : &*found;
  }
  Live* Find(const std::string& id) {
    const auto found = lives_.find(id);
    return found == lives_.end() ? nullptr : &found->second;
  }

  Dependencies deps_;
  std::vector<ServiceConfig> services_;
  std::map<std::string, std::shared_ptr<traffic::Router>> routers_;

  std::mutex mutex_;  // guards inbox_ and stopping_
  std::condition_variable wake_;
  std::deque<std::function<void()>> inbox_;
  bool stopping_ = false;

  std::map<std::string, Live> lives_;  // the engine's thread only, after Init
  storage::Batch pending_;             // entries for the next transaction

  mutable std::mutex views_mutex_;
  std::map<std::string, DeploymentView, std::less<>> views_;
  std::deque<std::string> ended_views_;

  std::atomic<std::int64_t> decisions_{0}, passes_{0}, router_errors_{0}, ledger_errors_{0},
      reasserted_{0};
  std::unique_ptr<WorkerPool> pool_;
  std::thread thread_;
};

// ---- the loop

void EngineImpl::Run() {
  while (true) {
    std::deque<std::function<void()>> messages;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, UntilNextDue(), [this] { return stopping_ || !inbox_.empty(); });
      if (stopping_) return;
      messages.swap(inbox_);
    }
    for (const auto& message : messages) message();
    Pass();
  }
}

Duration EngineImpl::UntilNextDue() const {
  const MonotonicTime now = deps_.clock->Now();
  MonotonicTime due = now + kIdle;
  for (const auto& [id, live] : lives_) {
    if (live.finishing) {
      if (!live.applying) due = std::min(due, live.retry_at);
    } else {
      due = std::min(due, live.closing ? live.tick_end + kLateLines : live.tick_end);
    }
  }
  return std::max(Duration(0), due - now);
}

void EngineImpl::Pass() {
  const MonotonicTime now = deps_.clock->Now();
  storage::Batch batch = std::exchange(pending_, {});
  std::vector<std::pair<Live*, Turn>> turns;
  for (auto& [id, live] : lives_) {
    if (live.finishing) {
      if (!live.applying && !live.ended_at && now >= live.retry_at)
        ApplyWeight(&live, live.rollout.asked);
    } else if (live.closing) {
      if (now >= live.tick_end + kLateLines) turns.emplace_back(&live, Close(&live, &batch));
    } else if (now >= live.tick_end || !live.orders.empty()) {
      BeginClosing(&live);
    }
  }
  if (!batch.entries.empty() || !batch.deployments.empty()) {
    if (!CommitOrWait(batch)) return;
    ++passes_;
  }
  for (auto& [live, turn] : turns) Adopt(live, std::move(turn));
}

// Nothing is carried out that is not stored. While the disk refuses, everything holds at its
// present weight. False: the engine stops and nothing was stored.
bool EngineImpl::CommitOrWait(const storage::Batch& batch) {
  while (true) {
    const auto stored = deps_.ledger->Commit(batch);
    if (stored.ok()) return true;
    ++ledger_errors_;
    deps_.log->Error("ledger_commit_failed",
                     {{"error", stored.error().message}, {"entries", batch.entries.size()}});
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, kRetryAfter, [this] { return stopping_; })) return false;
  }
}

// ---- a tick

void EngineImpl::BeginClosing(Live* live) {
  live->tick_end = std::min(live->tick_end, deps_.clock->Now());
  live->tick_end_wall = deps_.clock->Wall();
  live->closing = true;
  live->seen.reset();
  live->reading_done.reset();
  if (!live->observing) {
    const MonotonicTime deadline =
        deps_.clock->Now() + std::min<Duration>(kRouterPatience, FromSeconds(live->TickSeconds()));
    live->observing = pool_->Submit(
        [this, id = live->announced.id, end = live->tick_end, router = live->router,
         route = live->route, keys = std::array{live->BaselineKey(), live->CanaryKey()}, deadline] {
          Result<traffic::RouteView> view = router->Observe(route, deadline);
          const std::int64_t lines =
              deps_.requests->LinesOf(keys[0]) + deps_.requests->LinesOf(keys[1]);
          Post([this, id, end, lines, view = std::move(view)]() mutable {
            OnObserved(id, end, lines, std::move(view));
          });
        });
  }
  if (!live->reading && !live->service->signals.empty() && deps_.metrics != nullptr)
    AskSignals(live);
}

void EngineImpl::AskSignals(Live* live) {
  SignalQuestion question{.signals = live->service->signals,
                          .canary_version = live->announced.version,
                          .baseline_version = live->announced.baseline_version,
                          .canary_server = live->route.canary,
                          .baseline_server = live->route.baseline,
                          .at = live->tick_end_wall};
  const MonotonicTime deadline =
      deps_.clock->Now() + std::min<Duration>(kRouterPatience, FromSeconds(live->TickSeconds()));
  live->reading =
      pool_->Submit([this, id = live->announced.id, question = std::move(question), deadline] {
        SignalReading reading = ReadSignals(deps_.metrics, question, deadline);
        Post([this, id, reading = std::move(reading)] {
          if (Live* found = Find(id)) found->reading = false, found->reading_done = reading;
        });
      });
}

bool EngineImpl::LooksJumped(Live* live) const {
  const Duration offset =
      deps_.clock->Wall().time_since_epoch() - deps_.clock->Now().time_since_epoch();
  const std::optional<Duration> before = std::exchange(live->wall_offset, offset);
  return before && (offset > *before ? offset - *before : *before - offset) > kClockTolerance;
}

Turn EngineImpl::Close(Live* live, storage::Batch* batch) {
  const bool jumped = LooksJumped(live);
  // Milliseconds: readable, and later than the tick before in any case.
  const double t_s = std::max(std::round(Seconds(live->tick_end - live->epoch) * 1e3) / 1e3,
                              live->rollout.last.t_s + 1e-3);
  const Inputs inputs = CloseTick(live, t_s, {.requests = deps_.requests, .clock_jumped = jumped});
  if (live->seen && live->seen->ok() && live->given && live->seen->value().weight != *live->given) {
    ++reasserted_;
    live->given.reset();
  }
  Turn turn = Advance(live->rollout, inputs);
  batch->entries.push_back({.at = live->tick_end_wall,
                            .deployment = live->announced.id,
                            .kind = "tick",
                            .body = TickJson(inputs, turn.decision, live->announced.id)});
  ++decisions_;
  return turn;
}

void EngineImpl::Adopt(Live* live, Turn turn) {
  live->rollout = std::move(turn.next);
  live->closing = false;
  live->tick_end += FromSeconds(live->TickSeconds());
  live->tick_end = std::max(live->tick_end, deps_.clock->Now());
  const bool alerts = std::any_of(turn.commands.begin(), turn.commands.end(),
                                  [](const Command& c) { return c.kind == Command::Kind::kAlert; });
  if (!alerts && live->router_error.empty())
    live->last_alert.clear();  // the next trouble is news again
  for (const Command& command : turn.commands) {
    switch (command.kind) {
      case Command::Kind::kSetEdges: {
        deps_.requests->SetEdges(live->BaselineKey(), command.edges);
        deps_.requests->SetEdges(live->CanaryKey(), CanaryEdges(command.edges));
        break;
      }
      case Command::Kind::kSetWeight:
        if (!live->given || *live->given != live->router->Nearest(command.weight))
          ApplyWeight(live, command.weight);
        live->wanted = command.weight;
        break;
      case Command::Kind::kAlert:
        Alert(live, command.text);
        break;
      case Command::Kind::kFinish:
        live->finishing = true;
        live->retry_at = deps_.clock->Now() + kRetryAfter;
        if (!live->applying && live->given == live->rollout.asked) Complete(live);
        break;
    }
  }
  UpdateView(*live);
  pending_.deployments.push_back(RowOf(*live));
  Publish(*live, "decision", ToJson(turn.decision, live->announced.id));
}

// ---- the router

void EngineImpl::ApplyWeight(Live* live, Weight weight) {
  live->wanted = weight;
  if (live->applying) return;  // OnApplied asks again for what is wanted by then
  const MonotonicTime deadline = deps_.clock->Now() + kRouterPatience;
  live->applying = pool_->Submit([this, id = live->announced.id, router = live->router,
                                  route = live->route, weight, deadline] {
    const Result<Weight> given = router->Apply(route, weight, deadline);
    Post([this, id, weight, given] { OnApplied(id, weight, given); });
  });
  if (!live->applying) live->retry_at = deps_.clock->Now() + kRetryAfter;
}

void EngineImpl::OnApplied(const std::string& id, Weight asked, const Result<Weight>& given) {
  Live* live = Find(id);
  if (live == nullptr) return;
  live->applying = false;
  if (!given.ok()) {
    ++router_errors_;
    live->given.reset();
    live->retry_at = deps_.clock->Now() + kRetryAfter;
    if (given.error().message != live->router_error) {
      live->router_error = given.error().message;
      deps_.log->Error("router_failed", {{"deployment", id}, {"error", given.error().message}});
    }
    Alert(live, "the router did not take the weight: " + given.error().message);
    return;
  }
  live->router_error.clear();
  live->given = *given;
  pending_.entries.push_back({.at = deps_.clock->Wall(),
                              .deployment = id,
                              .kind = "observed",
                              .body = fmt::format(R"({{"weight_asked":{},"weight_given":{}}})",
                                                  asked.share(), given->share())});
  deps_.log->Info("weight_applied",
                  {{"deployment", id}, {"asked_bp", asked.bp()}, {"given_bp", given->bp()}});
  if (live->wanted && *live->wanted != asked) {
    ApplyWeight(live, *live->wanted);
  } else if (live->finishing && *given == live->rollout.asked) {
    Complete(live);
    return;
  }
  UpdateView(*live);
}

void EngineImpl::OnObserved(const std::string& id, MonotonicTime tick_end, std::int64_t lines,
                            Result<traffic::RouteView> view) {
  Live* live = Find(id);
  if (live == nullptr) return;
  live->observing = false;
  // Too late for its tick: what was seen then says nothing of this one.
  if (!live->closing || live->tick_end != tick_end) return;
  if (!view.ok()) {
    ++router_errors_;
  } else if (!live->given && !live->applying && live->wanted &&
             view->weight == live->router->Nearest(*live->wanted)) {
    live->given = view->weight;  // an answer was lost, yet the change took effect
  }
  live->seen = std::move(view);
  live->lines_then = lines;
}

// The router has confirmed the end: the outcome is a fact.
void EngineImpl::Complete(Live* live) {
  live->ended_at = deps_.clock->Wall();
  const std::string id = live->announced.id;
  const std::string view = ToJson(ViewOf(*live));
  storage::Batch batch = std::exchange(pending_, {});
  batch.entries.push_back(
      {.at = *live->ended_at, .deployment = id, .kind = "outcome", .body = view});
  batch.deployments.push_back(RowOf(*live));
  batch.baselines.push_back(
      {.service = live->announced.service, .at = *live->ended_at, .body = ToJson(live->aggregate)});
  if (!CommitOrWait(batch)) return;
  deps_.log->Info("deployment_ended", {{"deployment", id},
                                       {"decision", Name(live->rollout.last.action)},
                                       {"reason", live->rollout.last.reason}});
  deps_.requests->Forget(live->CanaryKey());
  deps_.requests->Forget(live->BaselineKey());
  UpdateView(*live);
  Publish(*live, "state", view);
  pool_->Submit([this, id, at = *live->ended_at] {
    const Status packed = deps_.ledger->Pack(id, at);
    if (!packed.ok())
      deps_.log->Warn("pack_failed", {{"deployment", id}, {"error", packed.error().message}});
  });
  // Not while somebody walks over lives_.
  Post([this, id] { lives_.erase(id); });
}

// ---- the life of a deployment

Result<Announced> EngineImpl::Prepare(const Announcement& announcement) {
  const ServiceConfig* service = FindService(announcement.service);
  if (service == nullptr) {
    std::vector<std::string> names;
    for (const ServiceConfig& known : services_) names.push_back(known.name);
    return Fail(ErrorCode::kNotFound, "no service '{}' is configured; there is {}",
                announcement.service, fmt::join(names, ", "));
  }
  AUSPEX_TRY(CheckName("version", announcement.version));
  if (announcement.risk && !(*announcement.risk >= 0.0 && *announcement.risk <= 1.0)) {
    return Fail(ErrorCode::kInvalidArgument, "risk: a share from 0 to 1, not {}",
                *announcement.risk);
  }
  // Before the weights are looked at: those of a running deployment are its own.
  for (const DeploymentView& running : Running()) {
    if (running.service == service->name) return AlreadyRuns(running.id, running.service);
  }
  const std::shared_ptr<traffic::Router>& router = routers_.at(service->name);
  const auto& [first, second] = service->servers;
  AUSPEX_TRY(const traffic::RouteView view,
             router->Observe({.backend = service->backend, .baseline = first, .canary = second},
                             deps_.clock->Now() + kRouterPatience));
  if (view.weight != Weight::Zero() && view.weight != Weight::Whole()) {
    return Fail(ErrorCode::kInvalidArgument,
                "neither {} nor {} of backend {} has all of the traffic ({} has {}); set one to "
                "100 % first",
                first, second, service->backend, second, view.weight.ToPercent());
  }
  const bool first_serves = view.weight == Weight::Zero();
  Announced announced;
  announced.at = deps_.clock->Wall();
  const auto seconds =
      std::chrono::floor<std::chrono::milliseconds>(announced.at.time_since_epoch()).count();
  announced.id =
      fmt::format("{}-{}-{}", service->name, announcement.version, seconds).substr(0, 128);
  announced.service = service->name;
  announced.version = announcement.version;
  announced.baseline_version = announcement.baseline_version;
  announced.actor = announcement.actor;
  announced.backend = service->backend;
  announced.baseline = first_serves ? first : second;
  announced.canary = first_serves ? second : first;
  announced.spec = SpecFor(*service, announced.id);
  if (announcement.risk) announced.spec.risk = *announcement.risk;
  AUSPEX_TRY(AddHistory(&announced));
  return announced;
}

Status EngineImpl::AddHistory(Announced* announced) {
  AUSPEX_TRY(const std::vector<storage::BaselineRow> rows,
             deps_.ledger->Baselines(announced->service, announced->at - kHistoryDays));
  BaselineAggregate sum;
  for (const storage::BaselineRow& row : rows) {
    AUSPEX_TRY(const BaselineAggregate one, AggregateFromJson(row.body));
    Merge(one, &sum);
  }
  announced->spec.observe = !IsEnoughHistory(sum);
  if (!announced->spec.observe) ApplyHistory(sum, &announced->spec);
  return {};
}

Result<DeploymentView> EngineImpl::Announce(const Announcement& announcement) {
  AUSPEX_TRY(Announced announced, Prepare(announcement));
  return Ask<DeploymentView>([this, announced = std::move(announced)] { return Begin(announced); });
}

Result<DeploymentView> EngineImpl::Begin(Announced announced) {
  for (const auto& [id, live] : lives_) {
    if (live.announced.service != announced.service || live.ended_at) continue;
    return AlreadyRuns(id, announced.service);
  }
  Turn turn = Start(announced.spec);
  Live live;
  live.announced = announced;
  live.service = FindService(announced.service);
  live.router = routers_.at(announced.service);
  live.route = {
      .backend = announced.backend, .baseline = announced.baseline, .canary = announced.canary};
  live.rollout = turn.next;
  live.epoch = deps_.clock->Now();
  live.tick_end = live.epoch;

  storage::Batch batch;
  batch.entries.push_back({.at = announced.at,
                           .deployment = announced.id,
                           .kind = "announced",
                           .body = AnnouncedJson(announced, turn.decision)});
  batch.deployments.push_back(RowOf(live));
  const auto stored = deps_.ledger->Commit(batch);
  if (!stored.ok())
    return Within("the deployment was not begun, the ledger refused", stored.error());
  deps_.log->Info("deployment_announced", {{"deployment", announced.id},
                                           {"service", announced.service},
                                           {"version", announced.version}});
  Live* stays = &lives_.insert_or_assign(announced.id, std::move(live)).first->second;
  Attach(stays);
  Adopt(stays, std::move(turn));
  return ViewOf(*stays);
}

void EngineImpl::Attach(Live* live) {
  for (const telemetry::ServerKey& key : {live->BaselineKey(), live->CanaryKey()})
    deps_.requests->Track(key);
  static_cast<void>(LooksJumped(live));
}

Result<DeploymentView> EngineImpl::Give(std::string_view id, const Order& order) {
  if (order.reason.empty())
    return Fail(ErrorCode::kInvalidArgument, "reason: say why; it is kept with the order");
  return Ask<DeploymentView>([this, name = std::string(id), order]() -> Result<DeploymentView> {
    Live* live = Find(name);
    if (live == nullptr) {
      const auto row = deps_.ledger->Deployment(name);
      if (!row.ok()) return Failure{row.error()};
      return Fail(ErrorCode::kConflict, "deployment {} has ended", name);
    }
    if (live->rollout.phase == Phase::kEnded)
      return Fail(ErrorCode::kConflict, "deployment {} is ending", name);
    if (order.kind == Order::Kind::kWeight && live->rollout.phase == Phase::kObserving) {
      return Fail(ErrorCode::kConflict,
                  "deployment {} still observes its baseline; a weight can be set once it runs",
                  name);
    }
    live->orders.push_back(order);
    deps_.log->Info("order", {{"deployment", name},
                              {"order", Name(order.kind)},
                              {"actor", order.actor},
                              {"reason", order.reason}});
    return ViewOf(*live);
  });
}

void EngineImpl::Alert(Live* live, const std::string& text) {
  const std::string key = AlertKey(text);
  if (key == live->last_alert) return;
  live->last_alert = key;
  deps_.log->Warn("alert", {{"deployment", live->announced.id}, {"alert", text}});
  Publish(*live, "alert", ToJson(ViewOf(*live)));
}

void EngineImpl::Publish(const Live& live, const std::string& type, std::string json) {
  if (deps_.on_event)
    deps_.on_event({.type = type, .deployment = live.announced.id, .json = std::move(json)});
}

void EngineImpl::UpdateView(const Live& live) {
  const std::lock_guard lock(views_mutex_);
  views_[live.announced.id] = ViewOf(live);
  if (!live.ended_at) return;
  ended_views_.push_back(live.announced.id);
  if (ended_views_.size() > kMostEndedViews) {
    views_.erase(ended_views_.front());
    ended_views_.pop_front();
  }
}

storage::DeploymentRow EngineImpl::RowOf(const Live& live) const {
  return {.id = live.announced.id,
          .service = live.announced.service,
          .ended = live.ended_at.has_value(),
          .started_at = live.announced.at,
          .ended_at = live.ended_at,
          .body = ToJson(ViewOf(live))};
}

// ---- after a crash

Status EngineImpl::Recover() {
  storage::DeploymentQuery query{.service = {}, .ended = false, .limit = 100, .after_id = {}};
  while (true) {
    AUSPEX_TRY(const std::vector<storage::DeploymentRow> rows, deps_.ledger->Deployments(query));
    for (const storage::DeploymentRow& row : rows) {
      if (FindService(row.service) == nullptr) {
        deps_.log->Error("service_not_configured",
                         {{"deployment", row.id}, {"service", row.service}});
        continue;
      }
      Result<Live> revived = Revive(row);
      if (!revived.ok()) return Within("deployment " + row.id, revived.error());
      Live* live = &lives_.insert_or_assign(row.id, *std::move(revived)).first->second;
      Attach(live);
      if (const auto& edges = live->rollout.spec.edges) {
        deps_.requests->SetEdges(live->BaselineKey(), *edges);
        deps_.requests->SetEdges(live->CanaryKey(), CanaryEdges(*edges));
      }
      UpdateView(*live);
      // What was decided last may not have been carried out.
      ApplyWeight(live, live->rollout.asked);
    }
    if (rows.size() < query.limit) return {};
    query.after_id = rows.back().id;
  }
}

Result<Live> EngineImpl::Revive(const storage::DeploymentRow& row) {
  AUSPEX_TRY(const std::vector<storage::Entry> entries, AllEntries(deps_.ledger, row.id));
  AUSPEX_TRY(Replayed replayed, Replay(entries));
  if (!replayed.differences.empty()) {
    deps_.log->Error("replay_differs",
                     {{"deployment", row.id}, {"first", replayed.differences.front()}});
  }
  Live live;
  live.announced = replayed.announced;
  live.service = FindService(row.service);
  live.router = routers_.at(row.service);
  live.route = {.backend = live.announced.backend,
                .baseline = live.announced.baseline,
                .canary = live.announced.canary};
  live.rollout = std::move(replayed.rollout);
  live.finishing = live.rollout.phase == Phase::kEnded;
  const MonotonicTime now = deps_.clock->Now();
  const Duration away = std::max<Duration>(Duration(0), deps_.clock->Wall() - replayed.last_at);
  live.epoch = now - FromSeconds(live.rollout.last.t_s) - away;
  live.tick_end = now + FromSeconds(live.TickSeconds());
  live.retry_at = now;
  deps_.log->Info(
      "deployment_resumed",
      {{"deployment", row.id}, {"decisions", replayed.decisions}, {"away_s", Seconds(away)}});
  return live;
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Create(Dependencies dependencies,
                                               std::vector<ServiceConfig> services) {
  auto engine = std::make_unique<EngineImpl>(std::move(dependencies), std::move(services));
  AUSPEX_TRY(engine->Init());
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace auspex::rollout
