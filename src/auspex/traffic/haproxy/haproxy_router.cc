#include "auspex/traffic/haproxy/haproxy_router.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "auspex/traffic/config_keys.h"

namespace auspex::traffic {
namespace {

template <typename Server>
const Server* FindServer(const std::vector<Server>& servers, std::string_view name) {
  const auto found = std::find_if(servers.begin(), servers.end(),
                                  [name](const Server& server) { return server.name == name; });
  return found == servers.end() ? nullptr : &*found;
}

std::string NamesOf(const std::vector<ServerState>& servers) {
  std::vector<std::string_view> names;
  for (const ServerState& server : servers) names.push_back(server.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<ServerState> Pick(const std::vector<ServerState>& servers, const std::string& name,
                         const std::string& backend) {
  if (const ServerState* const server = FindServer(servers, name)) return *server;
  return Fail(ErrorCode::kNotFound, "haproxy's backend '{}' has no server '{}'; it has {}", backend,
              name, NamesOf(servers));
}

Result<ServerView> View(const ServerState& state, Weight share,
                        const std::vector<ServerStat>& stats) {
  const ServerStat* const stat = FindServer(stats, state.name);
  if (stat == nullptr) {
    return Fail(ErrorCode::kUnavailable,
                "haproxy's 'show stat' lacks server '{}', which 'show servers state' has",
                state.name);
  }
  return ServerView{.share = share,
                    .up = state.up,
                    .in_flight = stat->in_flight,
                    .requests_total = stat->requests_total};
}

std::string Text(const WeightPair& pair) {
  return fmt::format("canary {}, baseline {}", pair.canary, pair.baseline);
}

// HAProxy's own file wants an absolute path; ours may be relative to the working folder.
std::string AbsoluteAddress(const std::string& address) {
  if (address.find('@') != std::string::npos || address.starts_with('/')) return address;
  std::error_code failed;
  const auto path = std::filesystem::absolute(address, failed);
  return failed ? address : path.lexically_normal().string();
}

Result<RuntimeSocket> ReadSocket(const RouterConfig& config) {
  const auto found = config.keys.find("socket");
  if (found == config.keys.end() || found->second.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "traffic needs the key 'socket', the path of haproxy's 'stats socket'");
  }
  return RuntimeSocket::Parse(AbsoluteAddress(found->second));
}

Result<Duration> ReadTimeout(const RouterConfig& config) {
  const auto found = config.keys.find("timeout");
  if (found == config.keys.end()) return HaproxyRouter::kDefaultTimeout;
  AUSPEX_TRY(const Duration timeout, ParseDuration(found->second));
  if (timeout < 1ms || timeout > 1min) {
    return Fail(ErrorCode::kInvalidArgument, "timeout '{}' is not 1ms to 1m", found->second);
  }
  return timeout;
}

Result<std::unique_ptr<Router>> Make(const RouterConfig& config) {
  AUSPEX_TRY(CheckKeys(config, {"socket", "timeout"}));
  const auto where = fmt::format("service '{}'", config.service);
  auto socket = ReadSocket(config);
  if (!socket.ok()) return Within(where, socket.error());
  const auto timeout = ReadTimeout(config);
  if (!timeout.ok()) return Within(where, timeout.error());
  return std::unique_ptr<Router>(std::make_unique<HaproxyRouter>(*std::move(socket), *timeout));
}

}  // namespace

HaproxyRouter::HaproxyRouter(RuntimeSocket socket, Duration timeout)
    : socket_(std::move(socket)), timeout_(timeout) {}

Result<Weight> HaproxyRouter::Apply(const Route& route, Weight weight, MonotonicTime deadline) {
  AUSPEX_TRY(CheckRoute(route));
  const MonotonicTime until = Bounded(deadline);
  if (!TakeTurn(until)) {
    return Fail(ErrorCode::kUnavailable,
                "haproxy at {}: another change was under way until the deadline; nothing was sent",
                socket_.address());
  }
  auto given = Change(route, weight, until);
  EndTurn();
  return given;
}

Result<Weight> HaproxyRouter::Change(const Route& route, Weight weight,
                                     MonotonicTime deadline) const {
  AUSPEX_TRY(const Servers before, ReadServers(route, deadline));
  if (weight > Weight::Zero()) AUSPEX_TRY(RefuseOthers(route, before, deadline));
  const WeightPair wanted = NearestPair(weight);
  AUSPEX_TRY(Reach(route, {.canary = before.canary.weight, .baseline = before.baseline.weight},
                   wanted, deadline));
  return ShareOf(wanted);
}

bool HaproxyRouter::TakeTurn(MonotonicTime deadline) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_until(lock, deadline, [this] { return !changing_; })) return false;
  changing_ = true;
  return true;
}

void HaproxyRouter::EndTurn() {
  {
    const std::lock_guard lock(mutex_);
    changing_ = false;
  }
  changed_.notify_one();
}

Result<RouteView> HaproxyRouter::Observe(const Route& route, MonotonicTime deadline) {
  AUSPEX_TRY(CheckRoute(route));
  const MonotonicTime until = Bounded(deadline);
  AUSPEX_TRY(const Servers now, ReadServers(route, until));
  AUSPEX_TRY(RefuseOthers(route, now, until));
  AUSPEX_TRY(const auto stats, ReadStats(now, until));
  const WeightPair pair{.canary = now.canary.weight, .baseline = now.baseline.weight};
  const Weight weight = ShareOf(pair);
  const bool nobody_serves = pair == WeightPair{.canary = 0, .baseline = 0};
  const std::int32_t rest_bp = nobody_serves ? 0 : Weight::kWholeBp - weight.bp();
  AUSPEX_TRY(const Weight rest, Weight::FromBp(rest_bp));
  AUSPEX_TRY(const ServerView canary, View(now.canary, weight, stats));
  AUSPEX_TRY(const ServerView baseline, View(now.baseline, rest, stats));
  return RouteView{.weight = weight, .canary = canary, .baseline = baseline};
}

Weight HaproxyRouter::Nearest(Weight weight) const { return ShareOf(NearestPair(weight)); }

Result<HaproxyRouter::Servers> HaproxyRouter::ReadServers(const Route& route,
                                                          MonotonicTime deadline) const {
  AUSPEX_TRY(const std::string answer,
             socket_.Ask(fmt::format("show servers state {}", route.backend), deadline));
  auto servers = ParseServersState(answer);
  if (!servers.ok()) {
    return Within(fmt::format("haproxy at {}, backend '{}'", socket_.address(), route.backend),
                  servers.error());
  }
  Servers read;
  AUSPEX_TRY(read.canary, Pick(*servers, route.canary, route.backend));
  AUSPEX_TRY(read.baseline, Pick(*servers, route.baseline, route.backend));
  for (ServerState& server : *servers) {
    if (server.name == route.canary || server.name == route.baseline) continue;
    read.others.push_back(std::move(server));
  }
  return read;
}

Result<std::vector<ServerStat>> HaproxyRouter::ReadStats(const Servers& servers,
                                                         MonotonicTime deadline) const {
  // By the backend's id: by name, HAProxy may find a frontend of the same name, which has no
  // servers. 4: servers; -1: all of them.
  AUSPEX_TRY(const std::string answer,
             socket_.Ask(fmt::format("show stat #{} 4 -1", servers.canary.backend_id), deadline));
  auto stats = ParseServerStats(answer);
  if (!stats.ok()) return Within(fmt::format("haproxy at {}", socket_.address()), stats.error());
  return stats;
}

Status HaproxyRouter::RefuseOthers(const Route& route, const Servers& servers,
                                   MonotonicTime deadline) const {
  std::vector<ServerState> serving;
  for (const ServerState& other : servers.others) {
    if (other.weight > 0) serving.push_back(other);
  }
  if (serving.empty()) return {};
  AUSPEX_TRY(const auto stats, ReadStats(servers, deadline));
  std::erase_if(serving, [&stats](const ServerState& server) {
    const ServerStat* const stat = FindServer(stats, server.name);
    return stat != nullptr && stat->backup;
  });
  if (serving.empty()) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "haproxy's backend '{}' has servers with a weight besides '{}' and '{}': {}; set "
              "their weight to 0 or move them to another backend",
              route.backend, route.baseline, route.canary, NamesOf(serving));
}

Status HaproxyRouter::Set(const Route& route, const WeightChange& change,
                          MonotonicTime deadline) const {
  const auto command = fmt::format("set server {}/{} weight {}", route.backend,
                                   change.canary ? route.canary : route.baseline, change.weight);
  AUSPEX_TRY(const std::string answer, socket_.Ask(command, deadline));
  if (const auto done = ParseSetServer(answer); !done.ok()) {
    return Within(fmt::format("haproxy at {}, '{}'", socket_.address(), command), done.error());
  }
  return {};
}

Status HaproxyRouter::Reach(const Route& route, const WeightPair& from, const WeightPair& to,
                            MonotonicTime deadline) const {
  const auto changes = PlanChanges(from, to);
  if (changes.empty()) return {};
  for (const WeightChange& change : changes) AUSPEX_TRY(Set(route, change, deadline));
  AUSPEX_TRY(const Servers after, ReadServers(route, deadline));
  const WeightPair reached{.canary = after.canary.weight, .baseline = after.baseline.weight};
  if (reached == to) return {};
  return Fail(ErrorCode::kUnavailable,
              "haproxy at {}, backend '{}': the weights were set to {} and are {}; something else "
              "sets them too",
              socket_.address(), route.backend, Text(to), Text(reached));
}

MonotonicTime HaproxyRouter::Bounded(MonotonicTime deadline) const {
  return std::min<MonotonicTime>(deadline, std::chrono::steady_clock::now() + timeout_);
}

void RegisterHaproxyRouter(RouterRegistry& registry) {
  [[maybe_unused]] const Status added = registry.Add("haproxy", Make);
  assert(added.ok() && "RegisterRouters() runs once a registry");
}

}  // namespace auspex::traffic
