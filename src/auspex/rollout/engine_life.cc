#include <algorithm>

#include "auspex/base/ids.h"
#include "auspex/rollout/codec.h"
#include "auspex/rollout/engine_impl.h"
#include "auspex/rollout/orders.h"

namespace auspex::rollout {
namespace {

constexpr std::chrono::days kHistoryDays{7};
constexpr std::size_t kMostReasonBytes = 1000;  // of a reason or a name: they are kept for ever
constexpr std::size_t kMostOrders = 100;        // of a rollout within one tick
constexpr std::size_t kMostIdBytes = 128;       // as CheckName
constexpr Duration kRemindEach = 60s;           // of a ledger that still refuses

Status CheckText(std::string_view what, std::string_view text) {
  if (text.size() <= kMostReasonBytes) return {};
  return Fail(ErrorCode::kInvalidArgument, "{}: at most {} bytes, not {}", what, kMostReasonBytes,
              text.size());
}

Failure AlreadyRuns(std::string_view id, std::string_view service) {
  return Fail(ErrorCode::kConflict,
              "deployment {} of service {} is still running; wait for its end or abort it", id,
              service);
}

}  // namespace

// ---- questions

const ServiceConfig* EngineImpl::FindService(std::string_view name) const {
  const auto found = std::find_if(services_.begin(), services_.end(),
                                  [&](const auto& s) { return s.name == name; });
  return found == services_.end() ? nullptr : &*found;
}

Result<DeploymentView> EngineImpl::Get(std::string_view id) const {
  const MutexLock lock(views_mutex_);
  const auto found = views_.find(id);
  if (found == views_.end()) return Fail(ErrorCode::kNotFound, "no deployment '{}'", id);
  return found->second;
}

Result<std::string> EngineImpl::Evidence(std::string_view id) {
  const std::string name(id);
  AUSPEX_TRY(std::string running, Ask<std::string>([this, name]() -> Result<std::string> {
               const Live* live = Find(name);
               return live == nullptr ? "" : EvidenceJson(name, live->rollout);
             }));
  if (!running.empty()) return running;
  // An ended one is decided again, which takes a while: not on the engine's thread.
  AUSPEX_TRY(const std::vector<storage::Entry> entries, AllEntries(deps_.ledger, name));
  AUSPEX_TRY(const Replayed replayed, Replay(entries));
  return EvidenceJson(name, replayed.rollout);
}

std::vector<DeploymentView> EngineImpl::Running() const {
  const MutexLock lock(views_mutex_);
  std::vector<DeploymentView> running;
  for (const auto& [id, view] : views_) {
    if (!view.ended_at) running.push_back(view);
  }
  return running;
}

EngineImpl::Counters EngineImpl::counters() const {
  return {.decisions = decisions_,
          .passes = passes_,
          .router_errors = router_errors_,
          .ledger_errors = ledger_errors_,
          .reasserted = reasserted_};
}

std::string EngineImpl::LedgerTrouble() const {
  const MutexLock lock(views_mutex_);
  return ledger_trouble_;
}

Failure EngineImpl::NoAnswer(std::string_view so) const {
  const std::string trouble = LedgerTrouble();
  if (trouble.empty()) {
    return Fail(ErrorCode::kUnavailable,
                "the engine did not answer within {}, {}; is its disk slow?",
                ToText(kAnswerPatience), so);
  }
  return Fail(ErrorCode::kUnavailable, "{}: the ledger takes no decisions now: {}", so, trouble);
}

Failure EngineImpl::TooManyWait() const {
  const std::string trouble = LedgerTrouble();
  return Fail(ErrorCode::kUnavailable,
              "nothing was done: {} calls wait for the engine already; try again later{}",
              kMostQuestions,
              trouble.empty() ? "" : ", once the ledger takes decisions again: " + trouble);
}

// ---- a ledger that refuses

// Told when it begins and when its reason changes, and in the log now and then: a line for each
// attempt would fill what is left of the disk.
void EngineImpl::NoteRefusal(const Error& error, const storage::Batch& batch) {
  const MonotonicTime now = deps_.clock->Now();
  const bool news = error.message != LedgerTrouble();
  if (news || now - reminded_ >= kRemindEach) {
    reminded_ = now;
    deps_.log->Error("ledger_refuses",
                     {{"error", error.message}, {"entries", batch.entries.size()}});
  }
  if (!news) return;
  std::vector<DeploymentView> holding;
  {
    const MutexLock lock(views_mutex_);
    ledger_trouble_ = error.message;
    for (auto& [id, view] : views_) {
      if (view.ended_at) continue;
      view.last.reason =
          "the weight holds until the ledger takes decisions again: " + error.message;
      holding.push_back(view);
    }
  }
  if (!deps_.on_event) return;
  for (const DeploymentView& view : holding)
    deps_.on_event(
        {.type = "alert", .deployment = view.id, .json = AlertJson(view, view.last.reason)});
}

void EngineImpl::NoteRecovery() {
  {
    const MutexLock lock(views_mutex_);
    if (ledger_trouble_.empty()) return;
    ledger_trouble_.clear();
  }
  deps_.log->Info("ledger_takes_decisions_again");
}

// ---- the life of a deployment

namespace {

// Before anything was begun, so whoever asked can mend it and ask again.
Failure RouterAway(const std::string& service, const Error& error) {
  if (error.code != ErrorCode::kUnavailable && error.code != ErrorCode::kPermissionDenied)
    return Failure{error};
  return Fail(error.code,
              "{}; nothing was begun: start the router, or mend spec.traffic of the service '{}', "
              "and deploy again (`auspex doctor --config FILE` tells when it answers)",
              error.message, service);
}

// What can be said of it without a look at the router.
Status CheckAnnouncement(const Engine::Announcement& announcement, const ServiceConfig& service) {
  AUSPEX_TRY(CheckName("version", announcement.version));
  if (!announcement.baseline_version.empty()) {
    AUSPEX_TRY(CheckName("baseline_version", announcement.baseline_version));
  } else if (service.Scraped()) {
    // Without it nothing of the service would be counted, and observing would never end.
    for (const SignalConfig& signal : service.signals) {
      if (signal.ByVersion())
        return Fail(ErrorCode::kInvalidArgument,
                    "baseline_version: signal {} of {} is asked for by $version; say which version "
                    "serves now",
                    signal.name, service.name);
    }
  }
  AUSPEX_TRY(CheckText("actor", announcement.actor));
  if (announcement.risk && !(*announcement.risk >= 0.0 && *announcement.risk <= 1.0)) {
    return Fail(ErrorCode::kInvalidArgument, "risk: a share from 0 to 1, not {}",
                *announcement.risk);
  }
  return {};
}

}  // namespace

Result<Announced> EngineImpl::Prepare(const Announcement& announcement) {
  const ServiceConfig* service = FindService(announcement.service);
  if (service == nullptr) {
    std::vector<std::string> names;
    names.reserve(services_.size());
    for (const ServiceConfig& known : services_) names.push_back(known.name);
    return Fail(ErrorCode::kNotFound, "no service '{}' is configured; there is {}",
                announcement.service, fmt::join(names, ", "));
  }
  AUSPEX_TRY(CheckAnnouncement(announcement, *service));
  // Before the weights are looked at: those of a running deployment are its own.
  for (const DeploymentView& running : Running()) {
    if (running.service == service->name) return AlreadyRuns(running.id, running.service);
  }
  const std::shared_ptr<traffic::Router>& router = routers_.at(service->name);
  const auto& [first, second] = service->servers;
  const auto seen =
      router->Observe({.backend = service->backend, .baseline = first, .canary = second},
                      deps_.clock->Now() + kRouterPatience);
  if (!seen.ok()) return RouterAway(service->name, seen.error());
  const traffic::RouteView& view = *seen;
  const bool first_serves = view.baseline.share == Weight::Whole();
  if (!first_serves && view.canary.share != Weight::Whole()) {
    return Fail(ErrorCode::kInvalidArgument,
                "neither {} nor {} of backend {} has all of the traffic ({} has {}, {} has {}); "
                "set one to 100 % first",
                first, second, service->backend, first, view.baseline.share.ToPercent(), second,
                view.canary.share.ToPercent());
  }
  if (const std::string who = traffic::WhoDisobeys(view, view.weight); !who.empty()) {
    return Fail(ErrorCode::kUnavailable,
                "the proxies of backend {} must all answer and have the same weights first: {}",
                service->backend, who);
  }
  if (const std::string who = traffic::WhoDraws(view, traffic::Draw::kNotRandom); !who.empty())
    return Fail(ErrorCode::kInvalidArgument, "{}", who);
  if (const std::string who = traffic::WhoDraws(view, traffic::Draw::kUnknown); !who.empty())
    deps_.log->Warn("draw_not_checked", {{"service", service->name}, {"why", who}});
  Announced announced;
  announced.at = deps_.clock->Wall();
  const auto milliseconds =
      std::chrono::floor<std::chrono::milliseconds>(announced.at.time_since_epoch()).count();
  // The time stays whole: it is what makes the id one of its own.
  const std::string time = fmt::format("-{}", milliseconds);
  announced.id = fmt::format("{}-{}", service->name, announcement.version)
                     .substr(0, kMostIdBytes - time.size()) +
                 time;
  announced.service = service->name;
  announced.version = announcement.version;
  announced.baseline_version = announcement.baseline_version;
  announced.actor = announcement.actor;
  announced.backend = service->backend;
  announced.baseline = first_serves ? first : second;
  announced.canary = first_serves ? second : first;
  announced.spec = SpecFor(*service, announced.id);
  announced.spec.await_canary = true;
  announced.spec.canary_up = (first_serves ? view.canary : view.baseline).up;
  if (announcement.risk) announced.spec.risk = *announcement.risk;
  AUSPEX_TRY(AddHistory(&announced));
  return announced;
}

Status EngineImpl::AddHistory(Announced* announced) {
  AUSPEX_TRY(const std::vector<storage::BaselineRow> rows,
             deps_.ledger->Baselines(announced->service, announced->at - kHistoryDays));
  std::vector<BaselineAggregate> seen;
  for (const storage::BaselineRow& row : rows) {
    // One row that cannot be read must not keep a service from its next deployment.
    Result<BaselineAggregate> one = AggregateFromJson(row.body);
    if (one.ok()) {
      seen.push_back(*std::move(one));
    } else {
      deps_.log->Warn("history_left_out",
                      {{"service", announced->service}, {"why", one.error().message}});
    }
  }
  const MergedRows merged = MergeRows(std::move(seen));
  announced->spec.observe = !IsEnoughHistory(merged);
  if (!announced->spec.observe) ApplyHistory(merged.seen, &announced->spec);
  const ServiceConfig* service = FindService(announced->service);
  Learnable learnable{.gauges = {}, .warm_up = !service->warm_up_given};
  for (const SignalConfig& signal : service->signals) {
    if (signal.role == "saturation") learnable.gauges.push_back(signal.name);
  }
  ApplyLesson(merged.seen.lesson, learnable, &announced->spec);
  if (merged.latencies_left_out > 0) {
    const std::string why = fmt::format(
        "nothing of the latency of {} requests of the last {} days: it was counted in other "
        "buckets than now",
        merged.latencies_left_out, kHistoryDays.count());
    announced->spec.assumed.push_back({.text = why});
    deps_.log->Warn("history_left_out", {{"service", announced->service}, {"why", why}});
  }
  return {};
}

Result<DeploymentView> EngineImpl::Announce(const Announcement& announcement) {
  AUSPEX_TRY(Announced announced, Prepare(announcement));
  for (const DeploymentView& view : Running())
    if (view.service == announced.service) return AlreadyRuns(view.id, announced.service);
  if (announcement.before) announcement.before(announced.id);
  return Ask<DeploymentView>(
      [this, announced = std::move(announced), call = announcement.call,
       prediction = announcement.prediction] { return Begin(announced, prediction, call); });
}

Result<DeploymentView> EngineImpl::Begin(Announced announced, const std::string& prediction,
                                         const std::optional<storage::KeyedCall>& call) {
  for (const auto& [id, live] : lives_) {
    if (live.announced.service != announced.service || live.ended_at) continue;
    return AlreadyRuns(id, announced.service);
  }
  if (deps_.ledger->Deployment(announced.id).ok()) {
    return Fail(ErrorCode::kConflict, "deployment {} was announced in the same millisecond",
                announced.id);
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
  if (!prediction.empty()) {
    batch.entries.push_back(
        {.at = announced.at, .deployment = announced.id, .kind = "prediction", .body = prediction});
  }
  batch.deployments.push_back(RowOf(live));
  if (call) batch.effects.push_back({.call = *call, .deployment = announced.id});
  const auto stored = deps_.ledger->Commit(batch);
  if (!stored.ok())
    return Within("the deployment was not begun, the ledger refused", stored.error());
  deps_.log->Info("deployment_announced", {{"deployment", announced.id},
                                           {"service", announced.service},
                                           {"version", announced.version}});
  Live* stays = &lives_.insert_or_assign(announced.id, std::move(live)).first->second;
  Attach(stays);
  Adopt(stays, std::move(turn), stored->front(), announced.actor);
  return ViewOf(*stays);
}

void EngineImpl::Attach(Live* live) {
  for (const telemetry::ServerKey& key : {live->BaselineKey(), live->CanaryKey()})
    deps_.requests->Track(key);
  static_cast<void>(LooksJumped(live));
}

Result<DeploymentView> EngineImpl::Give(std::string_view id, const Order& order,
                                        const std::optional<storage::KeyedCall>& call) {
  if (order.reason.empty())
    return Fail(ErrorCode::kInvalidArgument, "reason: say why; it is kept with the order");
  AUSPEX_TRY(CheckText("reason", order.reason));
  AUSPEX_TRY(CheckText("actor", order.actor));
  return Ask<DeploymentView>([this, name = std::string(id), order,
                              call]() -> Result<DeploymentView> {
    Live* live = Find(name);
    if (live == nullptr) {
      const auto row = deps_.ledger->Deployment(name);
      if (!row.ok()) return Failure{row.error()};
      return Fail(ErrorCode::kConflict, "deployment {} has ended", name);
    }
    if (const std::string why = WhyNot(live->rollout, order.kind); !why.empty())
      return Fail(ErrorCode::kConflict, "deployment {} {}", name, why);
    if (live->orders.size() >= kMostOrders) {
      return Fail(ErrorCode::kUnavailable,
                  "deployment {} has {} orders that its tick has yet to "
                  "obey; try again",
                  name, live->orders.size());
    }
    storage::Batch batch;
    batch.entries.push_back(
        {.at = deps_.clock->Wall(), .deployment = name, .kind = "order", .body = ToJson(order)});
    if (call) batch.effects.push_back({.call = *call, .deployment = name});
    const auto stored = deps_.ledger->Commit(batch);
    if (!stored.ok()) return Within("nothing was ordered, the ledger refused", stored.error());
    live->orders.push_back(order);
    deps_.log->Info("order", {{"deployment", name},
                              {"order", Name(order.kind)},
                              {"actor", order.actor},
                              {"reason", order.reason}});
    return ViewOf(*live);
  });
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
      if (!revived.ok()) {
        // The others must not stay uncontrolled for one that is damaged.
        deps_.log->Error("deployment_not_resumed",
                         {{"deployment", row.id}, {"error", revived.error().message}});
        continue;
      }
      Live* live = &lives_.insert_or_assign(row.id, *std::move(revived)).first->second;
      Attach(live);
      if (const auto& edges = live->rollout.spec.edges) {
        deps_.requests->SetEdges(live->BaselineKey(), *edges);
        deps_.requests->SetEdges(live->CanaryKey(), CanaryEdges(*edges));
      }
      UpdateView(*live);
      // What was decided last may not have been carried out.
      ApplyWeight(live, live->wanted.value_or(live->rollout.asked));
    }
    if (rows.size() < query.limit) return {};
    query.after_id = rows.back().id;
  }
}

Result<Live> EngineImpl::Revive(const storage::DeploymentRow& row) {
  AUSPEX_TRY(const std::vector<storage::Entry> entries, AllEntries(deps_.ledger, row.id));
  AUSPEX_TRY(Replayed replayed, Replay(entries));
  Live live;
  live.announced = replayed.announced;
  live.service = FindService(row.service);
  live.router = routers_.at(row.service);
  live.route = {.backend = live.announced.backend,
                .baseline = live.announced.baseline,
                .canary = live.announced.canary};
  live.rollout = replayed.rollout;
  live.lesson = replayed.lesson;
  live.admit = replayed.rollout.phase == Phase::kStarting;
  live.admitted = replayed.admitted;
  live.orders = replayed.pending_orders;
  if (replayed.unsettled) AUSPEX_TRY(Settle(replayed, &live));
  live.finishing = live.rollout.phase == Phase::kEnded;
  const MonotonicTime now = deps_.clock->Now();
  live.away = std::max<Duration>(Duration(0), deps_.clock->Wall() - replayed.last_at);
  // The time away was not watched: it is no part of warm-up, bake or deadline.
  live.epoch = now - FromSeconds(live.rollout.last.t_s);
  live.tick_end = now + FromSeconds(live.TickSeconds());
  live.retry_at = now;
  deps_.log->Info(
      "deployment_resumed",
      {{"deployment", row.id}, {"decisions", replayed.decisions}, {"away_s", Seconds(live.away)}});
  return live;
}

// A newer program would have decided otherwise. What was decided and told holds: its end, or its
// weight, at which a person is waited for.
Status EngineImpl::Settle(const Replayed& replayed, Live* live) {
  const std::string& id = live->announced.id;
  deps_.log->Error("replay_differs", {{"deployment", id}, {"first", replayed.differences.front()}});
  Rollout& rollout = live->rollout;
  live->wanted = replayed.stored.weight;
  if (replayed.stored.action == Action::kPromote || replayed.stored.action == Action::kRollBack) {
    rollout.phase = Phase::kEnded;
    rollout.asked = replayed.stored.weight;
    rollout.last = replayed.stored;
    return {};
  }
  // This version would have taken the traffic back: so it does, late.
  if (rollout.phase == Phase::kEnded && rollout.last.action == Action::kRollBack) {
    live->wanted = rollout.asked;
    return {};
  }
  RunOnAsRecorded(replayed.stored, &rollout);
  if (rollout.phase != Phase::kRunning) return {};
  const Order order{.kind = Order::Kind::kWeight,
                    .weight = replayed.stored.weight,
                    .actor = std::string(kSystemActor),
                    .reason =
                        "this version decides earlier ticks otherwise than they are recorded; "
                        "look at it, then resume"};
  storage::Batch batch;
  batch.entries.push_back(
      {.at = deps_.clock->Wall(), .deployment = id, .kind = "order", .body = ToJson(order)});
  const auto stored = deps_.ledger->Commit(batch);
  if (!stored.ok()) return Failure{stored.error()};
  live->orders.push_back(order);
  return {};
}

}  // namespace auspex::rollout
