#include "bench/simulated_services.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace auspex::bench {
namespace {

using telemetry::ServerKey;
using telemetry::ServerTick;

constexpr const char* kBaseline = "a";
constexpr const char* kCanary = "b";
constexpr double kErrorRate = 0.01;
constexpr std::array<std::pair<const char*, double>, 5> kRoutes = {
    {{"cart", .4}, {"pay", .25}, {"search", .2}, {"img", .1}, {"login", .05}}};
// The demo's scale, so that rollouts are past their warm-up within the run.
constexpr double kTimeScale = 0.1;
constexpr double kNever = 864'000.0;

std::string NameOf(std::size_t i) { return fmt::format("service-{:04}", i); }

// A mean that chance rounds: cheap, and whole counts with that mean.
std::int64_t Around(double mean, Random* random) {
  return static_cast<std::int64_t>(mean + random->Uniform());
}

}  // namespace

SimulatedServices::SimulatedServices(std::size_t services, double requests_per_s,
                                     std::function<void()> on_take)
    : count_(services), requests_per_s_(requests_per_s), on_take_(std::move(on_take)) {
  for (std::size_t i = 0; i < count_; ++i) services_.emplace(NameOf(i), Service());
  for (int i = 0; i < 50; ++i) latency_.Add(20'000.0 * std::exp(0.5 * random_.Normal()));
}

void SimulatedServices::Follow(const rollout::Engine::Event& event) {
  static constexpr std::string_view kKey = R"("weight":)";
  const std::size_t key = event.json.find(kKey);
  if (event.type != "decision" || key == std::string::npos) return;
  const Result<Weight> weight =
      Weight::FromShare(std::strtod(event.json.c_str() + key + kKey.size(), nullptr));
  const std::lock_guard lock(mutex_);
  const auto found = services_.find(event.deployment.substr(0, NameOf(0).size()));
  if (found != services_.end() && weight.ok()) found->second.canary = *weight;
}

std::vector<rollout::ServiceConfig> SimulatedServices::Configurations() const {
  std::vector<rollout::ServiceConfig> all;
  for (const auto& [name, service] : services_) {
    rollout::ServiceConfig config;
    config.name = name;
    config.prior_risk = 0.05;
    config.time_scale = kTimeScale;
    config.tick_s = 1.0;
    config.warm_up_s = rollout::kWarmUpSeconds * kTimeScale;
    config.bake_s = config.deadline_s = kNever;
    config.router = "memory";
    config.router_config.service = name;
    config.backend = name;
    config.servers = {kBaseline, kCanary};
    all.push_back(std::move(config));
  }
  return all;
}

SimulatedServices::Server* SimulatedServices::Find(const ServerKey& server) {
  const auto found = services_.find(server.backend);
  if (found == services_.end()) return nullptr;
  return server.server == kCanary ? &found->second.arms[1] : &found->second.arms[0];
}

void SimulatedServices::Track(const ServerKey& server) {
  const std::lock_guard lock(mutex_);
  if (Server* found = Find(server)) found->tracked = true;
}

void SimulatedServices::Forget(const ServerKey& server) {
  const std::lock_guard lock(mutex_);
  if (Server* found = Find(server)) *found = {};
}

void SimulatedServices::SetEdges(const ServerKey& server, const telemetry::Edges& /*edges*/) {
  const std::lock_guard lock(mutex_);
  if (Server* found = Find(server)) found->has_edges = true;
}

ServerTick SimulatedServices::Take(const ServerKey& server, std::optional<WallTime> until) {
  on_take_();
  const std::lock_guard lock(mutex_);
  Server* const found = Find(server);
  ServerTick tick;
  if (found == nullptr || !found->tracked || !until) return tick;
  const double seconds = found->taken_until
                             ? std::chrono::duration<double>(*until - *found->taken_until).count()
                             : 1.0;
  found->taken_until = until;
  const double canary = services_.find(server.backend)->second.canary.share();
  const double share = server.server == kCanary ? canary : 1.0 - canary;
  for (const auto& [name, part] : kRoutes) {
    const std::int64_t requests = Around(requests_per_s_ * seconds * share * part, &random_);
    const std::int64_t errors =
        std::min(requests, Around(static_cast<double>(requests) * kErrorRate, &random_));
    if (requests > 0) tick.routes[name] = {.requests = requests, .errors = errors};
    tick.requests += requests;
    tick.errors += errors;
  }
  tick.has_edges = found->has_edges;
  if (tick.has_edges) {
    const auto n = static_cast<double>(tick.requests);
    std::int64_t left = tick.requests;
    for (std::size_t i = 0; i < tick.slower.size(); ++i) {
      left = std::min(left, Around(n * std::array{.5, .1, .01, .001}[i], &random_));
      tick.slower[i] = left;
    }
    tick.harmed = std::min(tick.requests, tick.errors + tick.slower[2]);
  }
  if (tick.requests > 0) tick.latency_us = latency_;
  found->lines += tick.requests;
  return tick;
}

std::int64_t SimulatedServices::LinesOf(const ServerKey& server) const {
  const std::lock_guard lock(mutex_);
  const auto found = services_.find(server.backend);
  if (found == services_.end()) return 0;
  return server.server == kCanary ? found->second.arms[1].lines : found->second.arms[0].lines;
}

}  // namespace auspex::bench
