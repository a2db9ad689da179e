// The decision path: what one rollout costs in one tick, in time and in memory. Limits: 60 us from
// window to decision, 40 us for a line of `decide`, 16 kB for the state between two ticks
// (docs/performance.md).
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "auspex/rollout/codec.h"
#include "auspex/rollout/decide.h"
#include "auspex/rollout/replay.h"
#include "bench/percentiles.h"
#include "bench/workload.h"

namespace auspex::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kAdvanceLimitUs = 60.0;
constexpr double kDecideLimitUs = 40.0;
constexpr double kStateLimitKb = 16.0;

// Times each round by itself: a mean hides the tick that waits.
class Stopwatch {
 public:
  explicit Stopwatch(benchmark::State* state) : state_(state) {}
  template <typename F>
  void Time(F&& round) {
    const Clock::time_point begin = Clock::now();
    round();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    state_->SetIterationTime(seconds);
    rounds_us_.push_back(seconds * 1e6);
  }
  void Report(double limit_us) {
    state_->counters["p50_us"] = Percentile(&rounds_us_, .5);
    state_->counters["p99_us"] = Percentile(&rounds_us_, .99);
    state_->counters["p50_us_limit"] = limit_us;
  }

 private:
  benchmark::State* state_;
  std::vector<double> rounds_us_;
};

// Window in, decision out.
void AdvanceAt(rollout::Pace pace, benchmark::State& state) {
  RunningRollout running(1, pace);
  Stopwatch watch(&state);
  for (auto _ : state) {
    const rollout::Inputs inputs = running.Draw();
    watch.Time([&] { running.Adopt(rollout::Advance(running.Take(), inputs).next); });
  }
  watch.Report(kAdvanceLimitUs);
  state.counters["metrics"] = pace == rollout::Pace::kSwift ? 25 : 22;
}
void Advance(benchmark::State& state) { AdvanceAt(rollout::Pace::kClassic, state); }
BENCHMARK(Advance)->UseManualTime()->Unit(benchmark::kMicrosecond);
// Of three metrics more: t99.9, as proof, for the pace and for high load.
void AdvanceSwift(benchmark::State& state) { AdvanceAt(rollout::Pace::kSwift, state); }
BENCHMARK(AdvanceSwift)->UseManualTime()->Unit(benchmark::kMicrosecond);

// The same and the text that the ledger keeps of it.
void AdvanceAndRecord(benchmark::State& state) {
  RunningRollout running(2);
  Stopwatch watch(&state);
  std::size_t bytes = 0;
  for (auto _ : state) {
    const rollout::Inputs inputs = running.Draw();
    watch.Time([&] {
      rollout::Turn turn = rollout::Advance(running.rollout(), inputs);
      bytes = rollout::TickJson(inputs, turn.decision, "checkout-1.8.2-1764000000000").size();
      running.Adopt(std::move(turn.next));
    });
  }
  watch.Report(kAdvanceLimitUs);
  state.counters["record_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(AdvanceAndRecord)->UseManualTime()->Unit(benchmark::kMicrosecond);

std::string StartLine(const rollout::RolloutSpec& spec) {
  return fmt::format(R"({{"start":{}}})", rollout::ToJson(spec));
}

std::string TickLine(const std::string& deployment, const rollout::Inputs& inputs) {
  nlohmann::ordered_json tick{{"deployment", deployment}};
  tick.update(nlohmann::ordered_json::parse(rollout::ToJson(inputs)));
  tick.erase("weight_given");  // not of the line's format
  return nlohmann::ordered_json{{"tick", std::move(tick)}}.dump();
}

// One line of `decide`: text in, text out.
void DecideLine(benchmark::State& state) {
  constexpr int kTicksBefore = 400;
  const rollout::RolloutSpec spec = LongSpec();
  rollout::DecideStream stream;
  Random random(3);
  Weight weight = Weight::FromBp(200).value_or(Weight::Zero());
  double t_s = 0.0;
  Stopwatch watch(&state);
  std::string answer = stream.Handle(StartLine(spec)).value_or("");
  const auto draw = [&] {
    t_s += spec.tick_s;
    rollout::Inputs inputs = DrawTick(t_s, spec.requests_per_s * spec.tick_s, weight, &random);
    inputs.window.gauges["memory"] = 0.01 * random.Normal();
    return TickLine(spec.deployment, inputs);
  };
  const auto follow = [&] {
    const auto said = nlohmann::json::parse(answer);
    if (!said.contains("weight")) return state.SkipWithError(answer.c_str());
    weight = Weight::FromShare(said["weight"].get<double>()).value_or(Weight::Zero());
  };
  for (int i = 0; i < kTicksBefore; ++i) answer = stream.Handle(draw()).value_or(""), follow();
  for (auto _ : state) {
    const std::string line = draw();
    watch.Time([&] { answer = stream.Handle(line).value_or(""); });
    follow();
  }
  watch.Report(kDecideLimitUs);
}
BENCHMARK(DecideLine)->UseManualTime()->Unit(benchmark::kMicrosecond);

// What a rollout holds between two ticks, each made as the engine makes it.
void StateMemoryAt(rollout::Pace pace, benchmark::State& state) {
  constexpr std::size_t kRollouts = 1000;
  constexpr int kTicks = 30;  // its short queues are full by then
  for (auto _ : state) {
    std::vector<std::unique_ptr<rollout::Rollout>> rollouts;
    rollouts.reserve(kRollouts);
    Random random(4);
    const rollout::RolloutSpec spec = LongSpec(pace);
    const std::size_t before = ::mallinfo2().uordblks;
    for (std::size_t i = 0; i < kRollouts; ++i) {
      rollout::Rollout rollout = rollout::Start(spec).next;
      for (int tick = 1; tick <= kTicks; ++tick) {
        const rollout::Inputs inputs = DrawTick(tick, spec.requests_per_s, rollout.asked, &random);
        rollout = rollout::Advance(rollout, inputs).next;
      }
      rollouts.push_back(std::make_unique<rollout::Rollout>(std::move(rollout)));
    }
    const std::size_t after = ::mallinfo2().uordblks;
    state.counters["kb"] = static_cast<double>(after - before) / 1e3 / kRollouts;
  }
  state.counters["kb_limit"] = kStateLimitKb;
}
void StateMemory(benchmark::State& state) { StateMemoryAt(rollout::Pace::kClassic, state); }
void StateMemorySwift(benchmark::State& state) { StateMemoryAt(rollout::Pace::kSwift, state); }
BENCHMARK(StateMemory)->Iterations(1);
BENCHMARK(StateMemorySwift)->Iterations(1);

// Ten thousand rollouts that all tick in one second, on one core: their states do not fit a cache.
void TenThousandAt(rollout::Pace pace, benchmark::State& state) {
  constexpr std::size_t kRollouts = 10'000;
  constexpr int kTicksBefore = 5;
  rollout::RolloutSpec spec = LongSpec(pace);
  spec.warm_up_s = 0.0;  // all metrics count from the first tick on
  Random random(5);
  std::vector<rollout::Rollout> rollouts(kRollouts, rollout::Start(spec).next);
  for (rollout::Rollout& rollout : rollouts)
    rollout.asked = Weight::FromBp(5000).value_or(Weight::Zero());
  std::vector<rollout::Inputs> inputs(kRollouts);
  double t_s = 0.0;
  const auto pass = [&] {
    t_s += spec.tick_s;
    for (std::size_t i = 0; i < kRollouts; ++i) {
      inputs[i] = DrawTick(t_s, spec.requests_per_s * spec.tick_s, rollouts[i].asked, &random);
    }
    const Clock::time_point begin = Clock::now();
    for (std::size_t i = 0; i < kRollouts; ++i)
      rollouts[i] = rollout::Advance(std::move(rollouts[i]), inputs[i]).next;
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  for (int i = 0; i < kTicksBefore; ++i) pass();
  double worst_s = 0.0;
  for (auto _ : state) {
    const double seconds = pass();
    worst_s = std::max(worst_s, seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["worst_pass_s"] = worst_s;
  state.counters["worst_pass_s_limit"] = 1.0;
}
void TenThousand(benchmark::State& state) { TenThousandAt(rollout::Pace::kClassic, state); }
void TenThousandSwift(benchmark::State& state) { TenThousandAt(rollout::Pace::kSwift, state); }
BENCHMARK(TenThousand)->Iterations(20)->UseManualTime()->Unit(benchmark::kSecond);
BENCHMARK(TenThousandSwift)->Iterations(20)->UseManualTime()->Unit(benchmark::kSecond);

}  // namespace
}  // namespace auspex::bench
