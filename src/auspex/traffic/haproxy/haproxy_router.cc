#include "auspex/traffic/haproxy/haproxy_router.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "auspex/traffic/config_keys.h"
#include "auspex/traffic/haproxy/haproxy_config.h"

namespace auspex::traffic {
namespace {

std::vector<HaproxyProxy> ProxiesAt(std::vector<RuntimeSocket> sockets) {
  std::vector<HaproxyProxy> proxies;
  proxies.reserve(sockets.size());
  for (RuntimeSocket& socket : sockets) proxies.emplace_back(std::move(socket));
  return proxies;
}

// `call(index)` for each, all at once. Where the system has no thread left, one after the other.
template <typename Call>
void ForEachAtOnce(std::size_t count, const Call& call) {
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < count; ++i) {
    try {
      threads.emplace_back([&call, i] { call(i); });
    } catch (const std::system_error&) {
      call(i);
    }
  }
  call(0);
  for (std::thread& thread : threads) thread.join();
}

// One error of all that failed; `what`: "take the weight 5%".
Failure SomeFailed(const std::vector<Status>& done, std::string_view what) {
  std::vector<std::string> texts;
  const Error* first = nullptr;
  bool alike = true;
  for (const Status& one : done) {
    if (one.ok()) continue;
    texts.push_back(one.error().message);
    if (first == nullptr) first = &one.error();
    alike = alike && one.error().code == first->code;
  }
  if (done.size() == 1) return Failure{*first};
  return Fail(alike ? first->code : ErrorCode::kUnavailable, "{} of {} proxies did not {}: {}",
              texts.size(), done.size(), what, fmt::join(texts, "; "));
}

}  // namespace

HaproxyRouter::HaproxyRouter(std::vector<RuntimeSocket> sockets, Duration timeout, Duration drain)
    : proxies_(ProxiesAt(std::move(sockets))), timeout_(timeout), drain_(drain) {
  assert(!proxies_.empty() && proxies_.size() <= kMostProxies);
}

template <typename Change>
Status HaproxyRouter::ChangeAll(const Route& route, std::string_view what, MonotonicTime deadline,
                                const Change& change) {
  AUSPEX_TRY(CheckRoute(route));
  if (!TakeTurn(deadline)) {
    return Fail(ErrorCode::kUnavailable,
                "haproxy at {}: another change was under way until the deadline; nothing was sent",
                proxies_.front().address());
  }
  std::vector<Status> done(proxies_.size());
  ForEachAtOnce(proxies_.size(), [&](std::size_t i) { done[i] = change(proxies_[i]); });
  EndTurn();
  const bool all =
      std::all_of(done.begin(), done.end(), [](const Status& one) { return one.ok(); });
  if (!all) return SomeFailed(done, what);
  return {};
}

Result<Weight> HaproxyRouter::Apply(const Route& route, Weight weight, MonotonicTime deadline) {
  const MonotonicTime until = Bounded(deadline);
  AUSPEX_TRY(ChangeAll(route, fmt::format("take the weight {}", weight.ToPercent()), until,
                       [&](const HaproxyProxy& proxy) -> Status {
                         const auto given = proxy.Apply(route, weight, until);
                         if (!given.ok()) return Failure{given.error()};
                         return {};
                       }));
  return Nearest(weight);
}

Result<RouteView> HaproxyRouter::Observe(const Route& route, MonotonicTime deadline) {
  AUSPEX_TRY(CheckRoute(route));
  const MonotonicTime until = Bounded(deadline);
  std::vector<ProxyView> views(proxies_.size());
  ForEachAtOnce(proxies_.size(), [&](std::size_t i) {
    auto view = proxies_[i].Observe(route, proxies_.size() > 1, until);
    if (view.ok()) {
      views[i] = *std::move(view);
    } else {
      views[i] = {
          .name = proxies_[i].address(), .error = view.error(), .canary = {}, .baseline = {}};
    }
  });
  return Combine(std::move(views));
}

Status HaproxyRouter::Evict(const Route& route, MonotonicTime deadline) {
  const MonotonicTime until = Bounded(deadline, drain_);
  return ChangeAll(route, "evict the canary", until,
                   [&](const HaproxyProxy& proxy) { return proxy.Evict(route, drain_, until); });
}

Status HaproxyRouter::Admit(const Route& route, MonotonicTime deadline) {
  const MonotonicTime until = Bounded(deadline);
  return ChangeAll(route, "admit the canary", until,
                   [&](const HaproxyProxy& proxy) { return proxy.Admit(route, until); });
}

Weight HaproxyRouter::Nearest(Weight weight) const { return ShareOf(NearestPair(weight)); }

bool HaproxyRouter::TakeTurn(MonotonicTime deadline) {
  MutexLock lock(mutex_);
  if (!changed_.wait_until(lock.native(), deadline,
                           [this]() AUSPEX_REQUIRES(mutex_) { return !changing_; }))
    return false;
  changing_ = true;
  return true;
}

void HaproxyRouter::EndTurn() {
  {
    const MutexLock lock(mutex_);
    changing_ = false;
  }
  changed_.notify_one();
}

MonotonicTime HaproxyRouter::Bounded(MonotonicTime deadline, Duration more) const {
  return std::min<MonotonicTime>(deadline, std::chrono::steady_clock::now() + timeout_ + more);
}

std::string HaproxyBackendLines() {
  return "  balance random(1)   # each request's version is drawn at random; not `random`, which "
         "is "
         "random(2)\n"
         "  retries 0           # a failed connection stays the failure of the version it went "
         "to\n";
}

void RegisterHaproxyRouter(RouterRegistry& registry) {
  [[maybe_unused]] const Status added =
      registry.Add("haproxy", [](const RouterConfig& config) -> Result<std::unique_ptr<Router>> {
        AUSPEX_TRY(HaproxySettings settings, ReadHaproxySettings(config));
        return std::unique_ptr<Router>(std::make_unique<HaproxyRouter>(
            std::move(settings.sockets), settings.timeout, settings.drain));
      });
  assert(added.ok() && "RegisterRouters() runs once a registry");
}

}  // namespace auspex::traffic
