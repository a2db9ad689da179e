#include "bench/workload.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace auspex::bench {
namespace {

constexpr double kRequestsPerSecond = 300.0;
constexpr double kTickSeconds = 1.0;
constexpr double kErrorRate = 0.01;
constexpr double kYear = 365.0 * 86400.0;
constexpr std::array<double, kRoutes> kShares = {.4, .25, .2, .1, .05};
// Of requests slower than t50, then of those the share slower than t90, then t99, then t99.9.
constexpr std::array<double, 4> kSlower = {.5, .2, .1, .1};
constexpr double kGaugePhi = 0.8, kGaugeSigma = 0.01;
// From 2 % to 95 %, doubling each 10 s at most, and past a warm-up of four minutes.
constexpr int kTicksBefore = 400;

telemetry::ArmWindow DrawArm(std::int64_t requests, Random* random) {
  telemetry::ArmWindow arm;
  arm.requests = static_cast<double>(requests);
  std::int64_t left = requests;
  for (const double share : kSlower) {
    left = random->Binomial(left, share);
    arm.slower.push_back(static_cast<double>(left));
  }
  std::int64_t rest = requests;
  double rest_share = 1.0;
  for (const double share : kShares) {
    const std::int64_t here = random->Binomial(rest, std::min(1.0, share / rest_share));
    const std::int64_t failed = random->Binomial(here, kErrorRate);
    arm.routes.push_back({static_cast<double>(here), static_cast<double>(failed)});
    arm.errors += static_cast<double>(failed);
    rest -= here;
    rest_share = std::max(1e-9, rest_share - share);
  }
  arm.harmed = std::min(arm.requests, arm.errors + arm.slower[2]);
  arm.in_flight = static_cast<double>(random->Poisson(3.0));
  return arm;
}

}  // namespace

rollout::RolloutSpec LongSpec(rollout::Pace pace) {
  rollout::RolloutSpec spec;
  spec.deployment = "checkout-1.8.2-1764000000000";
  spec.service = "checkout";
  spec.mode = rollout::Mode::kFast;
  spec.pace = pace;
  spec.planned_shares = pace == rollout::Pace::kSwift;
  spec.risk = 0.05;
  spec.tick_s = kTickSeconds;
  spec.requests_per_s = kRequestsPerSecond;
  spec.bake_s = spec.deadline_s = kYear;
  spec.t99_s = 0.25;
  spec.edges =
      telemetry::Edges{.slower_us = {20'000, 80'000, 250'000, 900'000}, .harm_us = 250'000};
  spec.history.error_rate = kErrorRate;
  spec.history.error_s2 = 0.01;
  spec.history.latency_s2 = {.001, .002, .005, .005};
  for (std::size_t i = 0; i < kRoutes; ++i) {
    spec.history.routes.push_back({.share = kShares[i], .error_rate = kErrorRate});
    spec.route_names.push_back(fmt::format("route{}", i));
  }
  spec.history.gauges.push_back(
      {.name = "memory", .noise = {.phi = kGaugePhi, .sigma = kGaugeSigma}});
  return spec;
}

rollout::Inputs DrawTick(double t_s, double requests, Weight weight, Random* random) {
  const std::int64_t all = random->Poisson(requests);
  const std::int64_t canary = random->Binomial(all, weight.share());
  rollout::Inputs inputs;
  inputs.window.t_s = t_s;
  inputs.window.canary = DrawArm(canary, random);
  inputs.window.baseline = DrawArm(all - canary, random);
  inputs.weight_given = weight;
  return inputs;
}

RunningRollout::RunningRollout(std::uint64_t seed, rollout::Pace pace)
    : random_(seed), rollout_(rollout::Start(LongSpec(pace)).next) {
  for (int i = 0; i < kTicksBefore; ++i) {
    const rollout::Inputs inputs = Draw();
    Adopt(rollout::Advance(std::move(rollout_), inputs).next);
  }
}

rollout::Inputs RunningRollout::Draw() {
  const double t_s = rollout_.last.t_s + kTickSeconds;
  rollout::Inputs inputs =
      DrawTick(t_s, kRequestsPerSecond * kTickSeconds, rollout_.asked, &random_);
  gauge_ = kGaugePhi * gauge_ + kGaugeSigma * random_.Normal();
  inputs.window.gauges["memory"] = gauge_;
  return inputs;
}

}  // namespace auspex::bench
