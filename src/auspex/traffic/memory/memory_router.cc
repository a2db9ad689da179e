#include "auspex/traffic/memory/memory_router.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <memory>
#include <utility>

#include "auspex/traffic/config_keys.h"

namespace auspex::traffic {
namespace {

Weight FromBpInRange(std::int32_t bp) {
  const auto weight = Weight::FromBp(bp);
  assert(weight.ok() && "callers pass 0 to 10'000");
  return weight.value_or(Weight::Zero());
}

Weight Rest(Weight weight) { return FromBpInRange(Weight::kWholeBp - weight.bp()); }

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kAround = " \t[]\"'";
  const auto first = text.find_first_not_of(kAround);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kAround) - first + 1);
}

std::string KeyOr(const RouterConfig& config, const std::string& key, std::string otherwise) {
  const auto found = config.keys.find(key);
  return found == config.keys.end() ? std::move(otherwise) : found->second;
}

// `a, b` or `[a, b]`.
Result<Route> ReadRoute(const RouterConfig& config) {
  const std::string servers = KeyOr(config, "servers", "a, b");
  const auto comma = servers.find(',');
  if (comma == std::string::npos) {
    return Fail(ErrorCode::kInvalidArgument, "service '{}': servers '{}' are not two; write [a, b]",
                config.service, servers);
  }
  const std::string_view text = servers;
  Route route{.backend = KeyOr(config, "backend", config.service),
              .baseline = std::string(Trimmed(text.substr(0, comma))),
              .canary = std::string(Trimmed(text.substr(comma + 1)))};
  if (const auto checked = CheckRoute(route); !checked.ok()) {
    return Within("service '" + config.service + "'", checked.error());
  }
  return route;
}

Result<std::int32_t> ReadStep(const RouterConfig& config) {
  AUSPEX_TRY(const Weight step, Weight::Parse(KeyOr(config, "step", "0.01%")));
  if (step.bp() < 1 || step.bp() > Weight::kWholeBp / 2) {
    return Fail(ErrorCode::kInvalidArgument, "service '{}': step '{}' is not 0.01% to 50%",
                config.service, KeyOr(config, "step", ""));
  }
  return step.bp();
}

Result<std::unique_ptr<Router>> Make(const RouterConfig& config) {
  AUSPEX_TRY(CheckKeys(config, {"step"}));
  AUSPEX_TRY(const Route route, ReadRoute(config));
  AUSPEX_TRY(const std::int32_t step_bp, ReadStep(config));
  auto router = std::make_unique<MemoryRouter>(step_bp);
  router->AddRoute(route);
  return std::unique_ptr<Router>(std::move(router));
}

}  // namespace

MemoryRouter::MemoryRouter(std::int32_t step_bp)
    : step_bp_(std::clamp(step_bp, 1, Weight::kWholeBp / 2)) {}

Result<Weight> MemoryRouter::Apply(const Route& route, Weight weight, MonotonicTime /*deadline*/) {
  const std::lock_guard lock(mutex_);
  AUSPEX_TRY(Backend* const backend, Find(route));
  const Weight given = Nearest(weight);
  backend->at(route.canary).now.share = given;
  backend->at(route.baseline).now.share = Rest(given);
  return given;
}

Result<RouteView> MemoryRouter::Observe(const Route& route, MonotonicTime /*deadline*/) {
  const std::lock_guard lock(mutex_);
  AUSPEX_TRY(const Backend* const backend, Find(route));
  const ServerView& canary = backend->at(route.canary).now;
  return RouteView{
      .weight = canary.share, .canary = canary, .baseline = backend->at(route.baseline).now};
}

Weight MemoryRouter::Nearest(Weight weight) const {
  if (weight == Weight::Zero() || weight == Weight::Whole()) return weight;
  // Multiples of the step only, also at the top, so that what was given is given again.
  const std::int32_t most = (Weight::kWholeBp - 1) / step_bp_ * step_bp_;
  const std::int32_t nearest = (weight.bp() + step_bp_ / 2) / step_bp_ * step_bp_;
  return FromBpInRange(std::clamp(nearest, step_bp_, most));
}

void MemoryRouter::AddRoute(const Route& route, Weight start) {
  const std::lock_guard lock(mutex_);
  const auto starting_at = [](Weight share) {
    return Server{.now = {.share = share}, .start = share};
  };
  backends_[route.backend] = {{route.baseline, starting_at(Rest(start))},
                              {route.canary, starting_at(start)}};
}

Status MemoryRouter::SetServer(std::string_view backend, std::string_view server, bool up,
                               std::int64_t in_flight, std::int64_t requests_total) {
  const std::lock_guard lock(mutex_);
  const auto found = backends_.find(backend);
  if (found == backends_.end()) return Fail(ErrorCode::kNotFound, "no backend '{}'", backend);
  const auto at = found->second.find(server);
  if (at == found->second.end()) {
    return Fail(ErrorCode::kNotFound, "backend '{}' has no server '{}'", backend, server);
  }
  ServerView& now = at->second.now;
  now = {.share = now.share, .up = up, .in_flight = in_flight, .requests_total = requests_total};
  return {};
}

void MemoryRouter::SetUnavailable(std::string reason) {
  const std::lock_guard lock(mutex_);
  unavailable_ = std::move(reason);
}

void MemoryRouter::Restart() {
  const std::lock_guard lock(mutex_);
  for (auto& [backend_name, backend] : backends_) {
    for (auto& [server_name, server] : backend) server.now = {.share = server.start};
  }
}

Result<MemoryRouter::Backend*> MemoryRouter::Find(const Route& route) {
  AUSPEX_TRY(CheckRoute(route));
  if (!unavailable_.empty()) return Fail(ErrorCode::kUnavailable, "{}", unavailable_);
  const auto found = backends_.find(route.backend);
  if (found == backends_.end()) {
    return Fail(ErrorCode::kNotFound, "no backend '{}'", route.backend);
  }
  for (const std::string& server : {route.baseline, route.canary}) {
    if (found->second.contains(server)) continue;
    return Fail(ErrorCode::kNotFound, "backend '{}' has no server '{}'", route.backend, server);
  }
  return &found->second;
}

void RegisterMemoryRouter(RouterRegistry& registry) {
  [[maybe_unused]] const Status added = registry.Add("memory", Make);
  assert(added.ok() && "RegisterRouters() runs once a registry");
}

}  // namespace auspex::traffic
