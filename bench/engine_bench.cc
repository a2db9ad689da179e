// 1,000 rollouts in one daemon at ticks of 1 s on one core. The engine, the SQLite ledger (an fsync
// for each commit) and the clock are the real ones; the proxies and the feed are simulated. The
// whole process is bound to one core.
#include <benchmark/benchmark.h>
#include <sched.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/rollout/engine.h"
#include "auspex/rollout/history.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "auspex/traffic/register_routers.h"
#include "bench/engine_watch.h"
#include "bench/percentiles.h"
#include "bench/process_figures.h"
#include "bench/simulated_services.h"

namespace auspex::bench {
namespace {

constexpr double kRequestsPerSecond = 100.0;
constexpr auto kSettle = std::chrono::seconds(35);  // past the warm-up, up to the highest weight
constexpr auto kMeasured = std::chrono::seconds(60);
constexpr double kTickMs = 1000.0;
constexpr double kLateLinesMs = 200.0;  // the engine's wait for the last lines of a tick

// Binds this thread, and those that it starts, to the last core; the old set comes back at the end.
class OneCore {
 public:
  OneCore() {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int core = CPU_SETSIZE - 1; core >= 0; --core) {
      if (!CPU_ISSET(static_cast<std::size_t>(core), &before_)) continue;
      CPU_SET(static_cast<std::size_t>(core), &one);
      break;
    }
    ::sched_setaffinity(0, sizeof one, &one);
  }
  ~OneCore() { ::sched_setaffinity(0, sizeof before_, &before_); }
  OneCore(const OneCore&) = delete;
  OneCore& operator=(const OneCore&) = delete;

 private:
  cpu_set_t before_{};
};

// A folder that is deleted at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "auspex-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// What earlier deployments of each service would have left, so that none observes first.
Status StoreHistory(const std::vector<rollout::ServiceConfig>& services, storage::Ledger* ledger) {
  rollout::BaselineAggregate seen;
  seen.requests = seen.requests_both = 30'000;
  seen.errors = 300;
  seen.seconds = seen.requests_both / kRequestsPerSecond;
  for (const auto& [name, part] :
       {std::pair("cart", .4), {"pay", .25}, {"search", .2}, {"img", .1}, {"login", .05}}) {
    const auto requests = static_cast<std::int64_t>(seen.requests * part);
    seen.routes[name] = {.requests = requests, .errors = requests / 100};
  }
  for (const auto& [us, count] : {std::pair(20'000, 15'000), {38'000, 12'000}, {64'000, 3'000}})
    seen.latency_us.Add(us, count);
  storage::Batch batch;
  for (const rollout::ServiceConfig& service : services) {
    batch.baselines.push_back(
        {.service = service.name, .at = RealClock().Wall(), .body = rollout::ToJson(seen)});
  }
  AUSPEX_TRY(ledger->Commit(batch));
  return {};
}

Status Announce(const std::vector<rollout::ServiceConfig>& services, rollout::Engine* engine) {
  for (const rollout::ServiceConfig& service : services) {
    AUSPEX_TRY(engine->Announce({.service = service.name,
                                 .version = "v2",
                                 .baseline_version = "v1",
                                 .actor = "bench",
                                 .risk = {}}));
  }
  return {};
}

struct Lateness {
  std::vector<double> lags_ms;    // from a tick's end to its decision carried out
  std::vector<double> spaces_ms;  // between the ends of two ticks of a rollout
  double late = 0;                // ticks that were late by more than a tick, either way
};

// Of the ticks that ended in [from, to).
Status Judge(const std::map<std::string, std::vector<WallTime>>& decisions, storage::Ledger* ledger,
             std::pair<WallTime, WallTime> when, Lateness* found) {
  const auto ms = [](auto duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  };
  for (const auto& [id, decided] : decisions) {
    AUSPEX_TRY(const std::vector<storage::Entry> ticks,
               ledger->Entries({.deployment = id, .kind = "tick"}));
    for (std::size_t i = 1; i < ticks.size() && i + 1 < decided.size(); ++i) {
      if (ticks[i].at < when.first || ticks[i].at >= when.second) continue;
      const double lag = ms(decided[i + 1] - ticks[i].at);
      const double space = ms(ticks[i].at - ticks[i - 1].at);
      found->lags_ms.push_back(lag);
      found->spaces_ms.push_back(space);
      if (lag > kTickMs + kLateLinesMs || space > 2 * kTickMs) ++found->late;
    }
  }
  return {};
}

void Report(benchmark::State& state, const std::string& name, std::vector<double> values) {
  state.counters[name + "_p50"] = Percentile(&values, .5);
  state.counters[name + "_p99"] = Percentile(&values, .99);
  state.counters[name + "_max"] = Percentile(&values, 1.0);
}

void RunEngine(benchmark::State& state, std::size_t rollouts) {
  const RealClock clock;
  const Logger log(LogLevel::kError);
  const Folder folder;
  const OneCore bound;
  Watch watch;
  SimulatedServices services(rollouts, kRequestsPerSecond, [&] { watch.OnTake(); });
  traffic::RouterRegistry routers;
  RegisterRouters(routers);
  auto opened = storage::SqliteLedger::Open({.path = (folder.path() / "ledger.db").string()});
  if (!opened.ok()) return state.SkipWithError(opened.error().message.c_str());
  storage::Ledger* const ledger = opened->get();
  const std::vector<rollout::ServiceConfig> configurations = services.Configurations();
  if (const Status stored = StoreHistory(configurations, ledger); !stored.ok())
    return state.SkipWithError(stored.error().message.c_str());
  auto engine = rollout::Engine::Create({.ledger = ledger,
                                         .requests = &services,
                                         .metrics = nullptr,
                                         .routers = &routers,
                                         .clock = &clock,
                                         .log = &log,
                                         .on_event =
                                             [&](const auto& event) {
                                               services.Follow(event);
                                               watch.OnEvent(event);
                                             }},
                                        configurations);
  if (!engine.ok()) return state.SkipWithError(engine.error().message.c_str());
  const double memory_before_mb = ResidentMb();
  const Status announced = Announce(configurations, engine->get());
  if (!announced.ok()) return state.SkipWithError(announced.error().message.c_str());

  for (auto _ : state) {
    std::this_thread::sleep_for(kSettle);
    static_cast<void>(watch.TakePasses());
    const WallTime from = clock.Wall();
    const MonotonicTime begin = clock.Now();
    const double cpu_before_s = CpuSeconds(RUSAGE_SELF);
    const auto counted = (*engine)->counters();
    std::this_thread::sleep_for(kMeasured);
    const double wall_s = Seconds(clock.Now() - begin);
    const double core_share = (CpuSeconds(RUSAGE_SELF) - cpu_before_s) / wall_s;
    const auto decisions = static_cast<double>((*engine)->counters().decisions - counted.decisions);
    state.counters["core_share"] = core_share;
    state.counters["us_per_tick"] = core_share * wall_s / decisions * 1e6;
    state.counters["decisions_per_s"] = decisions / wall_s;
    state.counters["resident_mb"] = ResidentMb();
    state.counters["kb_per_rollout"] =
        (ResidentMb() - memory_before_mb) * 1e3 / static_cast<double>(rollouts);
    const Watch::Passes passes = watch.TakePasses();
    Report(state, "pass_ms", passes.whole_ms);
    Report(state, "commit_ms", passes.commit_ms);
    Lateness lateness;
    const Status judged = Judge(watch.Decisions(), ledger, {from, clock.Wall()}, &lateness);
    if (!judged.ok()) state.SkipWithError(judged.error().message.c_str());
    Report(state, "lag_ms", lateness.lags_ms);
    Report(state, "space_ms", lateness.spaces_ms);
    state.counters["late_ticks"] = lateness.late;
  }
  state.counters["core_share_limit"] = 1.0;
  state.counters["late_ticks_limit"] = 0.0;
}

void ThousandRollouts(benchmark::State& state) { RunEngine(state, 1000); }
BENCHMARK(ThousandRollouts)->Iterations(1)->Unit(benchmark::kSecond)->UseRealTime();

}  // namespace
}  // namespace auspex::bench
