#include "bench/simulated_services.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "auspex/traffic/memory/memory_router.h"

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

// A memory router that tells what weight it gave.
class SimulatedServices::WatchedRouter final : public traffic::Router {
 public:
  WatchedRouter(std::string backend, Service* service) : service_(service) {
    router_.AddRoute({.backend = std::move(backend), .baseline = kBaseline, .canary = kCanary});
  }
  Result<Weight> Apply(const traffic::Route& route, Weight weight,
                       MonotonicTime deadline) override {
    AUSPEX_TRY(const Weight given, router_.Apply(route, weight, deadline));
    service_->canary_bp = given.bp();
    return given;
  }
  Result<traffic::RouteView> Observe(const traffic::Route& route, MonotonicTime deadline) override {
    return router_.Observe(route, deadline);
  }
  [[nodiscard]] Weight Nearest(Weight weight) const override { return router_.Nearest(weight); }

 private:
  traffic::MemoryRouter router_;
  Service* const service_;
};

SimulatedServices::SimulatedServices(std::size_t services, double requests_per_s,
                                     std::function<void()> on_take)
    : count_(services), requests_per_s_(requests_per_s), on_take_(std::move(on_take)) {
  for (std::size_t i = 0; i < count_; ++i)
    services_.emplace(NameOf(i), std::make_unique<Service>());
  for (int i = 0; i < 50; ++i) latency_.Add(20'000.0 * std::exp(0.5 * random_.Normal()));
}

void SimulatedServices::RegisterRouter(traffic::RouterRegistry* registry) {
  static_cast<void>(registry->Add(
      "simulated",
      [this](const traffic::RouterConfig& config) -> Result<std::unique_ptr<traffic::Router>> {
        const auto found = services_.find(config.service);
        if (found == services_.end())
          return Fail(ErrorCode::kNotFound, "no simulated service '{}'", config.service);
        return std::unique_ptr<traffic::Router>(
            std::make_unique<WatchedRouter>(found->first, found->second.get()));
      }));
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
    config.router = "simulated";
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
  return server.server == kCanary ? &found->second->canary : &found->second->baseline;
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
  const double canary =
      static_cast<double>(services_.find(server.backend)->second->canary_bp) / Weight::kWholeBp;
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
      left = std::min(left, Around(n * std::array{.5, .1, .01}[i], &random_));
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
  return server.server == kCanary ? found->second->canary.lines : found->second->baseline.lines;
}

}  // namespace auspex::bench
