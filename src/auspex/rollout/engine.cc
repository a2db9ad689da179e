#include "auspex/rollout/engine.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "auspex/rollout/codec.h"
#include "auspex/rollout/engine_impl.h"
#include "auspex/rollout/signals.h"

namespace auspex::rollout {
namespace {

// A tick is closed so long after its end, once router and metrics server have answered ...
constexpr Duration kLateLines = 20ms;
// ... and so long after it where they have not. What the proxy ended and the feed brings later
// counts in the next tick.
constexpr Duration kLateAnswers = 200ms;
constexpr Duration kStale = 2s;  // a decision that could not be stored for so long is made again
constexpr Duration kClockTolerance = 100ms;  // a larger step between two ticks is a jump
constexpr Duration kIdle = 1s;
// A crash loses at most this much of what was seen of the baseline; seconds at time scale 1.
constexpr double kHistoryEverySeconds = 300.0;
constexpr std::size_t kObservers = 16, kAppliers = 8, kMostJobs = 4096, kMostEndedViews = 1000;
// Of a metrics server, for all signals of a rollout; ticks go on meanwhile.
constexpr Duration kMetricsPatience = 5s;

// Alerts that differ in figures alone are the same alert.
std::string AlertKey(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

std::vector<std::string> NamesOf(const std::vector<ServiceConfig>& services) {
  std::vector<std::string> names;
  names.reserve(services.size());
  for (const ServiceConfig& service : services) names.push_back(service.name);
  return names;
}

MonotonicTime CloseAt(const Live& live) {
  const bool answered = live.seen.has_value() && !live.reading;
  return live.tick_end + (answered ? kLateLines : kLateAnswers);
}

}  // namespace

EngineImpl::EngineImpl(Dependencies dependencies, std::vector<ServiceConfig> services)
    : deps_(std::move(dependencies)),
      services_(std::move(services)),
      ends_(NamesOf(services_)),
      observers_(std::make_unique<WorkerPool>(kObservers, kMostJobs)),
      appliers_(std::make_unique<WorkerPool>(kAppliers, kMostJobs)) {}

EngineImpl::~EngineImpl() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  observers_.reset();
  appliers_.reset();
}

Status EngineImpl::Init() {
  for (const ServiceConfig& service : services_) {
    Result<std::unique_ptr<traffic::Router>> router =
        deps_.routers->Create(service.router, service.router_config);
    if (!router.ok()) return Within("service " + service.name, router.error());
    routers_[service.name] = std::shared_ptr<traffic::Router>(*std::move(router));
  }
  AUSPEX_TRY(Recover());
  PackEnded();  // what a crash or a full disk left
  thread_ = std::thread([this] { Run(); });
  return {};
}

void EngineImpl::Post(std::function<void()> message) {
  {
    const MutexLock lock(mutex_);
    inbox_.push_back(std::move(message));
  }
  wake_.notify_all();
}

bool EngineImpl::PostQuestion(std::function<void()> question) {
  {
    const MutexLock lock(mutex_);
    if (questions_ >= kMostQuestions) return false;
    ++questions_;
    inbox_.push_back([this, question = std::move(question)] {
      {
        const MutexLock looked_at(mutex_);
        --questions_;
      }
      question();
    });
  }
  wake_.notify_all();
  return true;
}

Live* EngineImpl::Find(const std::string& id) {
  const auto found = lives_.find(id);
  return found == lives_.end() ? nullptr : &found->second;
}

// ---- the loop

void EngineImpl::Run() {
  while (true) {
    std::deque<std::function<void()>> messages;
    {
      MutexLock lock(mutex_);
      wake_.wait_for(lock.native(), UntilNextDue(),
                     [this]() AUSPEX_REQUIRES(mutex_) { return stopping_ || !inbox_.empty(); });
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
      due = std::min(due, live.closing ? CloseAt(live) : live.tick_end);
    }
  }
  return std::max(Duration(0), due - now);
}

void EngineImpl::Pass() {
  const MonotonicTime now = deps_.clock->Now();
  storage::Batch batch = std::exchange(pending_, {});
  std::vector<Stored> turns;
  for (auto& [id, live] : lives_) {
    if (live.finishing) {
      if (!live.applying && !live.ended_at && now >= live.retry_at)
        ApplyWeight(&live, live.rollout.asked);
    } else if (live.closing) {
      if (now >= CloseAt(live)) turns.push_back(Close(&live, &batch));
    } else if (now >= live.tick_end || !live.orders.empty()) {
      BeginClosing(&live);
    }
  }
  if (batch.entries.empty() && batch.deployments.empty()) return;
  const auto entries = CommitOrWait(batch, [&] {
    if (deps_.clock->Now() - now > kStale) DecideAgain(&turns, &batch);
  });
  if (!entries) return;
  ++passes_;
  if (const Duration stall = deps_.clock->Now() - now; stall > kStale) {
    // Nobody decided in that time: as when the daemon is away. The tick at hand ends as much later,
    // so that it covers what came meanwhile.
    for (auto& [id, live] : lives_) {
      live.epoch += stall;
      live.tick_end += stall;
      live.away += stall;
    }
  }
  for (Stored& stored : turns) {
    stored.live->lesson.Add(stored.turn.next, stored.inputs);
    Adopt(stored.live, std::move(stored.turn), (*entries)[stored.entry], stored.actor);
  }
}

// What was seen before the ledger refused says nothing of now: it may take traffic back, and gives
// none.
void EngineImpl::DecideAgain(std::vector<Stored>* turns, storage::Batch* batch) {
  for (Stored& stored : *turns) {
    if (!stored.inputs.hold.empty()) continue;
    stored.inputs.hold = "the ledger took no decisions for a while";
    stored.turn = Advance(stored.live->rollout, stored.inputs);
    batch->entries[stored.entry].body =
        TickJson(stored.inputs, stored.turn.decision, stored.live->announced.id);
  }
}

// Nothing is carried out that is not stored. While the disk refuses, everything holds at its
// present weight.
std::optional<std::vector<storage::Entry>> EngineImpl::CommitOrWait(
    const storage::Batch& batch, const std::function<void()>& before_retry) {
  while (true) {
    auto stored = deps_.ledger->Commit(batch);
    if (stored.ok()) {
      NoteRecovery();
      return *std::move(stored);
    }
    ++ledger_errors_;
    NoteRefusal(stored.error(), batch);
    MutexLock lock(mutex_);
    if (wake_.wait_for(lock.native(), kRetryAfter,
                       [this]() AUSPEX_REQUIRES(mutex_) { return stopping_; }))
      return std::nullopt;
    lock.Unlock();
    if (before_retry) before_retry();
  }
}

// ---- a tick

void EngineImpl::BeginClosing(Live* live) {
  const MonotonicTime now = deps_.clock->Now();
  live->tick_end = std::min(live->tick_end, now);
  // A pass that comes late (a slow disk) must not take the next tick's requests.
  live->tick_end_wall =
      deps_.clock->Wall() - std::chrono::duration_cast<WallTime::duration>(now - live->tick_end);
  live->closing = true;
  live->seen.reset();
  if (!live->observing) {
    const MonotonicTime deadline =
        deps_.clock->Now() + std::min<Duration>(kRouterPatience, FromSeconds(live->TickSeconds()));
    live->observing = observers_->Submit(
        [this, id = live->announced.id, end = live->tick_end, router = live->router,
         route = live->route, keys = std::array{live->BaselineKey(), live->CanaryKey()}, deadline] {
          Result<traffic::RouteView> view = router->Observe(route, deadline);
          LinesThen lines = ReadLines(keys, view);
          Post([this, id, end, lines = std::move(lines), view = std::move(view)]() mutable {
            OnObserved(id, end, std::move(lines), std::move(view));
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
  live->reading =
      observers_->Submit([this, id = live->announced.id, question = std::move(question)] {
        SignalReading reading =
            ReadSignals(deps_.metrics, question, deps_.clock->Now() + kMetricsPatience);
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

EngineImpl::Stored EngineImpl::Close(Live* live, storage::Batch* batch) {
  const bool jumped = LooksJumped(live);
  // Milliseconds: readable, and later than the tick before in any case.
  const double t_s = std::max(std::round(Seconds(live->tick_end - live->epoch) * 1e3) / 1e3,
                              live->rollout.last.t_s + 1e-3);
  const Inputs inputs = CloseTick(live, t_s, {.requests = deps_.requests, .clock_jumped = jumped});
  if (live->seen && live->seen->ok() && live->given &&
      !traffic::WhoDisobeys(live->seen->value(), *live->given).empty()) {
    ++reasserted_;
    live->given.reset();
  }
  Stored stored{.live = live,
                .turn = Advance(live->rollout, inputs),
                .actor = inputs.orders.empty() ? "" : inputs.orders.back().actor,
                .entry = batch->entries.size(),
                .inputs = inputs};
  batch->entries.push_back({.at = live->tick_end_wall,
                            .deployment = live->announced.id,
                            .kind = "tick",
                            .body = TickJson(inputs, stored.turn.decision, live->announced.id)});
  if (live->aggregate.seconds >= kHistoryEverySeconds * live->rollout.spec.time_scale) {
    batch->baselines.push_back({.service = live->announced.service,
                                .at = live->tick_end_wall,
                                .body = ToJson(std::exchange(live->aggregate, {}))});
  }
  ++decisions_;
  return stored;
}

void EngineImpl::Adopt(Live* live, Turn turn, const storage::Entry& entry, std::string_view actor) {
  live->rollout = std::move(turn.next);
  live->closing = false;
  live->tick_end += FromSeconds(live->TickSeconds());
  live->tick_end = std::max(live->tick_end, deps_.clock->Now());
  const bool alerts = std::any_of(turn.commands.begin(), turn.commands.end(),
                                  [](const Command& c) { return c.kind == Command::Kind::kAlert; });
  if (!alerts) live->alerted.erase("decision");  // the next trouble is news again
  for (const Command& command : turn.commands) {
    switch (command.kind) {
      case Command::Kind::kAdmit:
        live->admit = true;
        live->given.reset();  // so that the weight of this turn is set, and the slot with it
        break;
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
        Alert(live, "decision", command.text);
        break;
      case Command::Kind::kFinish:
        live->finishing = true;
        live->retry_at = deps_.clock->Now() + kRetryAfter;
        break;
    }
  }
  Publish(*live, "decision", StoredDecisionJson(turn.decision, entry, actor));
  // An end is a fact once the router shows it: seen in this tick, or asked of it anew.
  if (live->finishing && !live->applying) {
    const bool seen = live->seen && live->seen->ok() &&
                      traffic::WhoDisobeys(live->seen->value(), live->rollout.asked).empty();
    // After the pass: an end waits for the disk, and others of this pass must not.
    if (seen) {
      Post([this, id = live->announced.id] {
        Live* found = Find(id);
        if (found != nullptr && !found->applying && !found->ended_at) Conclude(found);
      });
    } else {
      ApplyWeight(live, live->rollout.asked);
    }
  }
  UpdateView(*live);
  pending_.deployments.push_back(RowOf(*live));
}

// ---- what others see

void EngineImpl::Alert(Live* live, std::string_view source, const std::string& text) {
  std::string key = AlertKey(text);
  std::string& last = live->alerted[std::string(source)];
  if (key == last) return;
  last = std::move(key);
  deps_.log->Warn("alert", {{"deployment", live->announced.id}, {"alert", text}});
  Publish(*live, "alert", AlertJson(ViewOf(*live), text));
}

// All that is not packed yet, so that one failure is mended by the next end or start.
void EngineImpl::PackEnded() {
  const bool taken = observers_->Submit([this] {
    constexpr std::size_t kMostAtOnce = 1000;
    const auto left = deps_.ledger->Unpacked(kMostAtOnce);
    if (!left.ok()) return deps_.log->Warn("pack_failed", {{"error", left.error().message}});
    for (const std::string& id : *left) {
      const Status packed = deps_.ledger->Pack(id, deps_.clock->Wall());
      if (!packed.ok())
        deps_.log->Warn("pack_failed", {{"deployment", id}, {"error", packed.error().message}});
    }
  });
  if (!taken) deps_.log->Warn("pack_later", {{"why", "the queue is full"}});
}

void EngineImpl::Publish(const Live& live, const std::string& type, std::string json) {
  if (deps_.on_event)
    deps_.on_event({.type = type, .deployment = live.announced.id, .json = std::move(json)});
}

void EngineImpl::UpdateView(const Live& live) {
  const MutexLock lock(views_mutex_);
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

Result<std::unique_ptr<Engine>> Engine::Create(Dependencies dependencies,
                                               std::vector<ServiceConfig> services) {
  auto engine = std::make_unique<EngineImpl>(std::move(dependencies), std::move(services));
  AUSPEX_TRY(engine->Init());
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace auspex::rollout
