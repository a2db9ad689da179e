// DecideStream again, with lines that are always well formed: each byte of the input chooses one
// number of a start or a tick, so that the fuzzer spends its time on what the numbers do.

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "auspex/rollout/decide.h"
#include "fuzz/check.h"
#include "fuzz/decide_check.h"

namespace {

using nlohmann::json;

// The bytes of an input, one choice each; 0 once they are used up.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : next_(data), left_(size) {}
  [[nodiscard]] bool done() const { return left_ == 0; }
  std::uint8_t Byte() {
    if (left_ == 0) return 0;
    --left_;
    return *next_++;
  }
  template <std::size_t N>
  double Of(const std::array<double, N>& values) {
    return values.at(Byte() % N);
  }

 private:
  const std::uint8_t* next_;
  std::size_t left_;
};

constexpr std::array kCounts = {0.0,   1.0, 2.0, 5.0, 17.0, 100.0, 1e3,   980.0,
                                2.5e4, 1e6, 1e9, .5,  1e-9, 1e15,  1e300, 1e-300};
constexpr std::array kShares = {0.0, 1.0, .5, .01, .1, .95, 1e-12, 1.0 - 1e-12};
constexpr std::array kTimes = {0.0, 10.0, 1.0, 1e-3, 60.0, 300.0, 1e9, 1e300};
constexpr std::array kSteps = {10.0, 1.0, .001, 60.0, 2700.0, 1e6, 1e12, 1e-9};
constexpr std::array kGauges = {0.0, .1, -.1, 1.0, -5.0, 1e3, 1e300, 1e-300};

json Start(Choices& in) {
  json start = {{"deployment", "d"}, {"criticality", 1 + in.Byte() % 4}};
  const std::uint8_t given = in.Byte();
  if (given & 1U) start["policy"] = "rule";
  if (given & 2U) start["observe"] = true;
  if (given & 4U)
    start["limits"] = {
        {"warm_up_s", in.Of(kTimes)}, {"bake_s", in.Of(kTimes)}, {"deadline_s", in.Of(kTimes)}};
  if (given & 8U) start["time_scale"] = std::array{1e-3, .1, 1.0, 1e3}.at(in.Byte() % 4);
  if (given & 16U) start["tick_s"] = std::array{1e-3, 1.0, 60.0, 1e300}.at(in.Byte() % 4);
  if (given & 32U) start["risk"] = in.Of(kShares);
  if (given & 64U) start["mode"] = in.Byte() % 2 == 0 ? "fast" : "careful";
  if (given & 128U) start["requests_per_s"] = in.Of(kCounts);
  const std::uint8_t more = in.Byte();
  json history = json::object();
  if (more & 1U) history["error_rate"] = in.Of(kShares);
  if (more & 2U) history["error_s2"] = in.Of(kCounts);
  if (more & 4U) history["latency_s2"] = {in.Of(kCounts), in.Of(kCounts), in.Of(kCounts)};
  if (more & 8U)
    history["gauges"] = {{{"name", "g"}, {"phi", -.999}, {"sigma", in.Of(kTimes) + 1e-12}}};
  if (more & 16U)
    history["routes"] = {{{"share", in.Of(kShares)}, {"error_rate", in.Of(kShares)}},
                         {{"share", in.Of(kShares)}}};
  if (more & 32U) start["detect"] = std::array{2.0, 1.11, 1000.0, 1.0, 0.0, -1.0}.at(in.Byte() % 6);
  if (more & 64U) start["rollback_below"] = in.Of(kShares);
  if (more & 128U) start["alpha"] = std::array{1e-9, .5, .01, .05}.at(in.Byte() % 4);
  start["history"] = history;
  return {{"start", start}};
}

json Arm(Choices& in) {
  const double requests = in.Of(kCounts);
  json arm = {{"requests", requests}, {"errors", requests * in.Of(kShares)}};
  const std::uint8_t given = in.Byte();
  if (given & 1U) arm["slower"] = {requests * in.Of(kShares), requests * in.Of(kShares), 0};
  if (given & 2U) arm["up"] = false;
  if (given & 4U) arm["in_flight"] = in.Of(kCounts);
  if (given & 8U) arm["harmed"] = requests * in.Of(kShares);
  if (given & 16U)
    arm["routes"] = {{{"requests", in.Of(kCounts)}, {"errors", 0}},
                     {{"requests", requests}, {"errors", requests}}};
  return arm;
}

json Tick(Choices& in, double t_s) {
  json tick = {{"deployment", "d"}, {"t_s", t_s}, {"canary", Arm(in)}, {"baseline", Arm(in)}};
  const std::uint8_t given = in.Byte();
  if (given & 1U) tick["gauges"] = {{"g", in.Of(kGauges)}};
  if (given & 2U) tick["weight_given"] = in.Of(kShares);
  if (given & 4U) tick["hold"] = "the router is away";
  if (given & 8U) {
    static constexpr std::array kOrders = {"pause", "resume", "promote", "abort", "weight"};
    tick["orders"] = {{{"order", kOrders.at(in.Byte() % 5)}, {"weight", in.Of(kShares)}}};
  }
  if (given & 16U)
    tick["observed"] = {{"latency_us", {{in.Byte(), in.Byte()}}},
                        {"routes", {{"/", {in.Byte(), 0}}}}};
  return {{"tick", tick}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kMostTicks = 400;
  Choices in(data, size);
  auspex::rollout::DecideStream stream;
  const auto ask = [&stream](const json& line, std::int64_t number) {
    const std::optional<std::string> answer = stream.Handle(line.dump());
    AUSPEX_FUZZ_CHECK(answer.has_value(), line.dump());
    auspex::fuzz::CheckAnswer(*answer, number);
  };
  ask(Start(in), 1);
  double t_s = 0.0;
  for (int tick = 0; tick < kMostTicks && !in.done(); ++tick) {
    t_s += in.Of(kSteps);
    ask(Tick(in, t_s), tick + 2);
  }
  return 0;
}
