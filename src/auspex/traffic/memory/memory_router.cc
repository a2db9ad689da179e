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

std::string KeyOr(const RouterConfig& config, const std::string& key,
                  const std::string& otherwise) {
  const auto found = config.keys.find(key);
  return found == config.keys.end() ? otherwise : found->second;
}

Result<Route> ReadRoute(const RouterConfig& config) {
  const auto found = config.lists.find("servers");
  const std::vector<std::string> servers =
      found == config.lists.end() ? std::vector<std::string>{"a", "b"} : found->second;
  if (servers.size() != 2) {
    return Fail(ErrorCode::kInvalidArgument, "servers: two are wanted, as [a, b], not {}",
                servers.size());
  }
  Route route{.backend = KeyOr(config, "backend", config.service),
              .baseline = servers[0],
              .canary = servers[1]};
  if (const auto checked = CheckRoute(route); !checked.ok()) {
    return Within("servers", checked.error());
  }
  return route;
}

Result<std::int32_t> ReadStep(const RouterConfig& config) {
  const std::string text = KeyOr(config, "step", "0.01%");
  const auto step = Weight::Parse(text);
  if (!step.ok()) return Within("step", step.error());
  if (step->bp() < 1 || step->bp() > Weight::kWholeBp / 2) {
    return Fail(ErrorCode::kInvalidArgument, "step: '{}' is not 0.01% to 50%", text);
  }
  return step->bp();
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

MemoryRouter::MemoryRouter(std::int32_t step_bp, std::size_t proxies)
    : step_bp_(std::clamp(step_bp, 1, Weight::kWholeBp / 2)) {
  const std::size_t count = std::max<std::size_t>(proxies, 1);
  proxies_.reserve(count);
  for (std::size_t i = 1; i <= count; ++i) {
    proxies_.push_back({.name = count == 1 ? "memory" : fmt::format("memory {}", i),
                        .backends = {},
                        .unavailable = {}});
  }
}

template <typename Change>
Status MemoryRouter::ChangeAll(const Route& route, const Change& change) {
  const MutexLock lock(mutex_);
  std::vector<std::string> failed;
  ErrorCode code = ErrorCode::kUnavailable;
  for (Proxy& proxy : proxies_) {
    const Result<Backend*> backend = Find(route, &proxy);
    const Status done = backend.ok() ? change(proxy, *backend) : Status(Failure{backend.error()});
    if (done.ok()) continue;
    code = done.error().code;
    failed.push_back(done.error().message);
  }
  if (failed.empty()) return {};
  return Fail(code, "{}", fmt::join(failed, "; "));
}

Result<Weight> MemoryRouter::Apply(const Route& route, Weight weight, MonotonicTime /*deadline*/) {
  const Weight given = Nearest(weight);
  AUSPEX_TRY(ChangeAll(route, [&](const Proxy&, Backend* backend) {
    backend->at(route.canary).now.share = given;
    backend->at(route.baseline).now.share = Rest(given);
    return Status();
  }));
  return given;
}

Result<RouteView> MemoryRouter::Observe(const Route& route, MonotonicTime /*deadline*/) {
  const MutexLock lock(mutex_);
  std::vector<ProxyView> views;
  views.reserve(proxies_.size());
  for (Proxy& proxy : proxies_) {
    const Result<Backend*> backend = Find(route, &proxy);
    if (!backend.ok()) {
      views.push_back({.name = proxy.name, .error = backend.error(), .canary = {}, .baseline = {}});
      continue;
    }
    views.push_back({.name = proxy.name,
                     .error = {},
                     .canary = (*backend)->at(route.canary).now,
                     .baseline = (*backend)->at(route.baseline).now,
                     .draw = proxy.draw,
                     .draw_note = proxy.draw_note});
  }
  return Combine(std::move(views));
}

Status MemoryRouter::Evict(const Route& route, MonotonicTime /*deadline*/) {
  return ChangeAll(route, [&](const Proxy& proxy, Backend* backend) -> Status {
    ServerView& canary = backend->at(route.canary).now;
    ServerView& baseline = backend->at(route.baseline).now;
    canary.share = Weight::Zero();
    baseline.share = Weight::Whole();
    if (!baseline.up) {
      return Fail(ErrorCode::kUnavailable, "{}: the baseline '{}' is down", proxy.name,
                  route.baseline);
    }
    canary.up = false;
    canary.maintenance = true;
    canary.in_flight = 0;
    return {};
  });
}

Status MemoryRouter::Admit(const Route& route, MonotonicTime /*deadline*/) {
  return ChangeAll(route, [&](const Proxy&, Backend* backend) {
    ServerView& canary = backend->at(route.canary).now;
    if (!canary.maintenance) return Status();
    canary = {.share = Weight::Zero(), .requests_total = canary.requests_total};
    backend->at(route.baseline).now.share = Weight::Whole();
    return Status();
  });
}

Weight MemoryRouter::Nearest(Weight weight) const {
  if (weight == Weight::Zero() || weight == Weight::Whole()) return weight;
  // Multiples of the step only, also at the top, so that what was given is given again.
  const std::int32_t most = (Weight::kWholeBp - 1) / step_bp_ * step_bp_;
  const std::int32_t nearest = (weight.bp() + step_bp_ / 2) / step_bp_ * step_bp_;
  return FromBpInRange(std::clamp(nearest, step_bp_, most));
}

template <typename Change>
void MemoryRouter::ForEach(Which which, const Change& change) {
  for (std::size_t i = 0; i < proxies_.size(); ++i) {
    if (!which || *which == i) change(&proxies_[i]);
  }
}

void MemoryRouter::AddRoute(const Route& route, Weight start) {
  const MutexLock lock(mutex_);
  const auto starting_at = [](Weight share) {
    return Server{.now = {.share = share}, .start = share};
  };
  ForEach({}, [&](Proxy* proxy) {
    proxy->backends[route.backend] = {{route.baseline, starting_at(Rest(start))},
                                      {route.canary, starting_at(start)}};
  });
}

Status MemoryRouter::SetServer(std::string_view backend, std::string_view server, bool up,
                               std::int64_t in_flight, std::int64_t requests_total, Which which) {
  const MutexLock lock(mutex_);
  Status done;
  ForEach(which, [&](Proxy* proxy) {
    const auto found = proxy->backends.find(backend);
    if (found == proxy->backends.end()) {
      done = Fail(ErrorCode::kNotFound, "no backend '{}'", backend);
      return;
    }
    const auto at = found->second.find(server);
    if (at == found->second.end()) {
      done = Fail(ErrorCode::kNotFound, "backend '{}' has no server '{}'", backend, server);
      return;
    }
    ServerView& now = at->second.now;
    now = {.share = now.share,
           .up = up && !now.maintenance,
           .maintenance = now.maintenance,
           .in_flight = in_flight,
           .requests_total = requests_total};
  });
  return done;
}

void MemoryRouter::SetUnavailable(const std::string& reason, Which which) {
  const MutexLock lock(mutex_);
  ForEach(which, [&](Proxy* proxy) { proxy->unavailable = reason; });
}

void MemoryRouter::SetDraw(Draw draw, const std::string& note, Which which) {
  const MutexLock lock(mutex_);
  ForEach(which, [&](Proxy* proxy) {
    proxy->draw = draw;
    proxy->draw_note = note;
  });
}

void MemoryRouter::Restart(Which which) {
  const MutexLock lock(mutex_);
  ForEach(which, [](Proxy* proxy) {
    for (auto& [backend_name, backend] : proxy->backends) {
      for (auto& [server_name, server] : backend) server.now = {.share = server.start};
    }
  });
}

Result<MemoryRouter::Backend*> MemoryRouter::Find(const Route& route, Proxy* proxy) {
  AUSPEX_TRY(CheckRoute(route));
  if (!proxy->unavailable.empty()) {
    return Fail(ErrorCode::kUnavailable, "{}: {}", proxy->name, proxy->unavailable);
  }
  const auto found = proxy->backends.find(route.backend);
  if (found == proxy->backends.end()) {
    return Fail(ErrorCode::kNotFound, "{}: no backend '{}'", proxy->name, route.backend);
  }
  for (const std::string& server : {route.baseline, route.canary}) {
    if (found->second.contains(server)) continue;
    return Fail(ErrorCode::kNotFound, "{}: backend '{}' has no server '{}'", proxy->name,
                route.backend, server);
  }
  return &found->second;
}

void RegisterMemoryRouter(RouterRegistry& registry) {
  [[maybe_unused]] const Status added = registry.Add("memory", Make);
  assert(added.ok() && "RegisterRouters() runs once a registry");
}

}  // namespace auspex::traffic
