#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/rollout/engine.h"
#include "auspex/rollout/live.h"
#include "auspex/rollout/worker_pool.h"

namespace auspex::rollout {

inline constexpr Duration kRouterPatience = 2s;
inline constexpr Duration kRetryAfter = 500ms;    // a ledger or router that refused
inline constexpr Duration kAnswerPatience = 10s;  // of a caller that waits for the engine's thread
inline constexpr Duration kPatienceInTrouble = 1s;  // the same while the ledger refuses
// Callers' questions that the engine's thread has yet to look at, also those given up: while the
// ledger refuses it looks at none.
inline constexpr std::size_t kMostQuestions = 256;

// The one Engine. Its parts: engine.cc (the loop, a tick), engine_router.cc, engine_life.cc
// (announced, ordered, recovered after a crash). What no lock guards belongs to the engine's
// thread.
class EngineImpl final : public Engine {
 public:
  EngineImpl(Dependencies dependencies, std::vector<ServiceConfig> services);
  ~EngineImpl() override;
  Status Init();

  Result<DeploymentView> Announce(const Announcement& announcement) override;
  Result<DeploymentView> Give(std::string_view id, const Order& order,
                              const std::optional<storage::KeyedCall>& call) override;

  Result<DeploymentView> Get(std::string_view id) const override;
  Result<std::string> Evidence(std::string_view id) override;
  [[nodiscard]] std::vector<DeploymentView> Running() const override;
  [[nodiscard]] const std::vector<ServiceConfig>& services() const override { return services_; }
  [[nodiscard]] Counters counters() const override;
  [[nodiscard]] std::vector<EndCounter::Count> Ends() const override { return ends_.Counts(); }
  [[nodiscard]] std::string LedgerTrouble() const override;

 private:
  // ---- messages to the engine's thread

  void Post(std::function<void()> message);
  // False where kMostQuestions wait: this one is not taken.
  bool PostQuestion(std::function<void()> question);
  // Runs `question` on the engine's thread and waits for its answer. Whoever was told that nothing
  // was done is told the truth: what nobody waits for any more is not begun.
  template <typename T, typename F>
  Result<T> Ask(F question) {
    enum class State { kWaiting, kBegun, kGivenUp };
    auto state = std::make_shared<std::atomic<State>>(State::kWaiting);
    auto promise = std::make_shared<std::promise<Result<T>>>();
    std::future<Result<T>> answer = promise->get_future();
    const bool taken = PostQuestion([state, promise, question = std::move(question)] {
      State waiting = State::kWaiting;
      if (state->compare_exchange_strong(waiting, State::kBegun)) promise->set_value(question());
    });
    if (!taken) return TooManyWait();
    // The engine's thread is known to wait for the ledger: no use in waiting for it too.
    const Duration patience = LedgerTrouble().empty() ? kAnswerPatience : kPatienceInTrouble;
    if (answer.wait_for(patience) == std::future_status::ready) return answer.get();
    State waiting = State::kWaiting;
    if (state->compare_exchange_strong(waiting, State::kGivenUp))
      return NoAnswer("nothing was done");
    if (answer.wait_for(kAnswerPatience) == std::future_status::ready) return answer.get();
    return NoAnswer("this may yet take effect");
  }
  // kUnavailable, with the ledger's trouble if that is why.
  [[nodiscard]] Failure NoAnswer(std::string_view so) const;
  [[nodiscard]] Failure TooManyWait() const;

  void Run();
  void Pass();
  Duration UntilNextDue() const;

  // ---- a tick
  // What was decided in a tick and how it stands in the ledger.
  struct Stored {
    Live* live;
    Turn turn;
    std::string actor;  // of the tick's last order
    std::size_t entry;  // in the pass's batch
    Inputs inputs;
  };
  void BeginClosing(Live* live);
  Stored Close(Live* live, storage::Batch* batch);
  void Adopt(Live* live, Turn turn, const storage::Entry& entry, std::string_view actor);
  bool LooksJumped(Live* live) const;
  // The stored entries; nothing when the engine stops first, and then nothing was stored.
  // `before_retry` may change the batch.
  std::optional<std::vector<storage::Entry>> CommitOrWait(
      const storage::Batch& batch, const std::function<void()>& before_retry = {});
  void DecideAgain(std::vector<Stored>* turns, storage::Batch* batch);
  void NoteRefusal(const Error& error, const storage::Batch& batch);
  void NoteRecovery();

  // ---- the router and the metrics server
  void ApplyWeight(Live* live, Weight weight);
  struct Asked {
    Weight weight;
    bool admit = false;
  };
  void OnApplied(const std::string& id, const Asked& what, const Result<Weight>& given);
  // What the feed had brought when the router was seen, as Live keeps it.
  struct LinesThen {
    std::int64_t both = 0;
    std::vector<std::int64_t> of_proxy;
  };
  [[nodiscard]] LinesThen ReadLines(const std::array<telemetry::ServerKey, 2>& keys,
                                    const Result<traffic::RouteView>& view) const;
  void OnObserved(const std::string& id, MonotonicTime tick_end, LinesThen lines,
                  Result<traffic::RouteView> view);
  void AskSignals(Live* live);
  void Conclude(Live* live);
  void Evict(Live* live);
  void OnEvicted(const std::string& id, const Status& evicted);
  void Complete(Live* live);

  // ---- the life of a deployment
  Result<Announced> Prepare(const Announcement& announcement);
  Result<DeploymentView> Begin(Announced announced, const std::string& prediction,
                               const std::optional<storage::KeyedCall>& call);
  Status AddHistory(Announced* announced);
  Status Recover();
  Result<Live> Revive(const storage::DeploymentRow& row);
  Status Settle(const Replayed& replayed, Live* live);
  void Attach(Live* live);
  void PackEnded();
  // `source`: decision or router; each tells the same trouble once.
  void Alert(Live* live, std::string_view source, const std::string& text);
  void Publish(const Live& live, const std::string& type, std::string json);
  void UpdateView(const Live& live);
  storage::DeploymentRow RowOf(const Live& live) const;

  [[nodiscard]] const ServiceConfig* FindService(std::string_view name) const;
  Live* Find(const std::string& id);

  Dependencies deps_;
  std::vector<ServiceConfig> services_;
  std::map<std::string, std::shared_ptr<traffic::Router>> routers_;

  Mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> inbox_ AUSPEX_GUARDED_BY(mutex_);
  // That have yet to be looked at; other messages are one or two for each rollout.
  std::size_t questions_ AUSPEX_GUARDED_BY(mutex_) = 0;
  bool stopping_ AUSPEX_GUARDED_BY(mutex_) = false;

  std::map<std::string, Live> lives_;  // the engine's thread only, after Init
  storage::Batch pending_;             // entries for the next transaction

  MonotonicTime reminded_;  // of the ledger's trouble, in the log

  mutable Mutex views_mutex_;
  std::string ledger_trouble_ AUSPEX_GUARDED_BY(views_mutex_);
  std::map<std::string, DeploymentView, std::less<>> views_ AUSPEX_GUARDED_BY(views_mutex_);
  std::deque<std::string> ended_views_ AUSPEX_GUARDED_BY(views_mutex_);

  std::atomic<std::int64_t> decisions_{0}, passes_{0}, router_errors_{0}, ledger_errors_{0},
      reasserted_{0};
  EndCounter ends_;
  // Apart, so that proxies which do not answer cannot keep a rollback of others waiting.
  std::unique_ptr<WorkerPool> observers_, appliers_;
  std::thread thread_;
};

}  // namespace auspex::rollout
