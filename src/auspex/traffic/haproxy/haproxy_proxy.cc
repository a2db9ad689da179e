#include "auspex/traffic/haproxy/haproxy_proxy.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace auspex::traffic {
namespace {

constexpr Duration kLookAgain = 10ms;  // while requests of an evicted canary end

template <typename Server>
const Server* FindServer(const std::vector<Server>& servers, std::string_view name) {
  const auto found = std::find_if(servers.begin(), servers.end(),
                                  [name](const Server& server) { return server.name == name; });
  return found == servers.end() ? nullptr : &*found;
}

std::string NamesOf(const std::vector<ServerState>& servers) {
  std::vector<std::string_view> names;
  names.reserve(servers.size());
  for (const ServerState& server : servers) names.push_back(server.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

// `where`: the proxy and the backend.
Result<ServerState> Pick(const std::vector<ServerState>& servers, const std::string& name,
                         const std::string& where) {
  if (const ServerState* const server = FindServer(servers, name)) return *server;
  return Fail(ErrorCode::kNotFound, "{} has no server '{}'; it has {}", where, name,
              NamesOf(servers));
}

Result<ServerStat> PickStat(const std::vector<ServerStat>& stats, const ServerState& server,
                            const std::string& address) {
  if (const ServerStat* const stat = FindServer(stats, server.name)) return *stat;
  return Fail(ErrorCode::kUnavailable,
              "haproxy at {}: 'show stat' lacks server '{}', which 'show servers state' has",
              address, server.name);
}

// A server in drain at weight 0 is as far from service as one in maintenance, and HAProxy calls it
// up whether or not anybody has asked it: an Admit that went no further than that may not pass for
// a check. One in drain that has a weight is a person's doing, and keeps what the check says.
ServerView View(const ServerState& state, Weight share, const ServerStat& stat) {
  const bool aside = state.maintenance() || (state.set_aside() && state.weight == 0);
  return ServerView{.share = share,
                    .up = state.up && !aside,
                    .maintenance = aside,
                    .in_flight = stat.in_flight,
                    .requests_total = stat.requests_total,
                    .queued = stat.queued,
                    .most_in_flight = stat.most_in_flight};
}

std::string Text(const WeightPair& pair) {
  return fmt::format("canary {}, baseline {}", pair.canary, pair.baseline);
}

std::string SetState(const Route& route, std::string_view state) {
  return fmt::format("set server {}/{} state {}", route.backend, route.canary, state);
}

}  // namespace

Result<Weight> HaproxyProxy::Apply(const Route& route, Weight weight,
                                   MonotonicTime deadline) const {
  AUSPEX_TRY(Servers now, ReadServers(route, deadline));
  if (weight > Weight::Zero()) AUSPEX_TRY(RefuseOthers(route, now, deadline));
  const WeightPair wanted = NearestPair(weight);
  AUSPEX_TRY(Reach(route, wanted, &now, deadline));
  return ShareOf(wanted);
}

Result<ProxyView> HaproxyProxy::Observe(const Route& route, bool one_of_several,
                                        MonotonicTime deadline) const {
  AUSPEX_TRY(const Servers now, ReadServers(route, deadline));
  AUSPEX_TRY(RefuseOthers(route, now, deadline));
  AUSPEX_TRY(const std::string answer, AskStats(now, true, deadline));
  AUSPEX_TRY(const auto stats, Named(ParseServerStats(answer)));
  AUSPEX_TRY(const std::string algorithm, Named(ParseAlgorithm(answer)));
  AUSPEX_TRY(const ServerStat canary, PickStat(stats, now.canary, address()));
  AUSPEX_TRY(const ServerStat baseline, PickStat(stats, now.baseline, address()));
  const WeightPair pair = now.weights();
  const Weight weight = ShareOf(pair);
  const bool nobody_serves = pair == WeightPair{.canary = 0, .baseline = 0};
  const std::int32_t rest_bp = nobody_serves ? 0 : Weight::kWholeBp - weight.bp();
  AUSPEX_TRY(const Weight rest, Weight::FromBp(rest_bp));
  ProxyView view{.name = address(),
                 .error = {},
                 .canary = View(now.canary, weight, canary),
                 .baseline = View(now.baseline, rest, baseline)};
  NoteDraw(route, algorithm, &view);
  if (one_of_several) {
    AUSPEX_TRY(const std::string info, socket_.Ask("show info", deadline));
    AUSPEX_TRY(ProcessInfo process, Named(ParseProcessInfo(info)));
    view.host = std::move(process.node);
    view.process = process.process;
  }
  return view;
}

void HaproxyProxy::NoteDraw(const Route& route, std::string_view algorithm, ProxyView* view) const {
  // "unknown": what 2.6 calls it, see ParseAlgorithm.
  if (algorithm == "random" || algorithm == "unknown") return;
  if (algorithm.empty()) {
    view->draw = Draw::kUnknown;
    view->draw_note = fmt::format(
        "{} does not tell its balance algorithm, so nobody checked that it is random(1); `level "
        "operator` or above at the `stats socket` tells it",
        Backend(route));
    return;
  }
  view->draw = Draw::kNotRandom;
  view->draw_note = fmt::format(
      "{} picks servers by '{}', and the evidence needs each request drawn at random: put `balance "
      "random(1)` and `retries 0` into the backend and reload HAProxy (`auspex check` prints all "
      "lines to paste, the log-format too)",
      Backend(route), algorithm);
}

Status HaproxyProxy::Evict(const Route& route, Duration drain, MonotonicTime deadline) const {
  AUSPEX_TRY(Servers now, ReadServers(route, deadline));
  AUSPEX_TRY(Reach(route, NearestPair(Weight::Zero()), &now, deadline));
  if (!now.baseline.up) {
    return Fail(ErrorCode::kUnavailable,
                "{}: the baseline '{}' is down, so '{}' keeps the clients that a cookie binds to "
                "it; nobody else could serve them",
                Backend(route), route.baseline, route.canary);
  }
  if (!now.canary.maintenance()) {
    AUSPEX_TRY(Do(SetState(route, "maint"), deadline));
    AUSPEX_TRY(now, ReadServers(route, deadline));
  }
  if (!now.canary.maintenance()) {
    return Fail(ErrorCode::kUnavailable,
                "{}: server '{}' was set to maintenance and is not; HAProxy was reloaded, or "
                "something else sets it too",
                Backend(route), route.canary);
  }
  AUSPEX_TRY(WaitUntilIdle(now, drain, deadline));
  return Do(fmt::format("shutdown sessions server {}/{}", route.backend, route.canary), deadline);
}

Status HaproxyProxy::Admit(const Route& route, MonotonicTime deadline) const {
  AUSPEX_TRY(Servers now, ReadServers(route, deadline));
  if (!now.canary.set_aside()) return {};
  AUSPEX_TRY(Reach(route, NearestPair(Weight::Zero()), &now, deadline));
  if (now.canary.checked) {
    // HAProxy takes what leaves maintenance for up until a check fails, and nobody has asked what
    // runs there now. What is said of its health in maintenance is lost at its end, so it is said
    // in drain: each state on the way is set aside, and the next call begins where this one ended.
    if (now.canary.maintenance()) AUSPEX_TRY(Do(SetState(route, "drain"), deadline));
    AUSPEX_TRY(
        Do(fmt::format("set server {}/{} health down", route.backend, route.canary), deadline));
  }
  AUSPEX_TRY(Do(SetState(route, "ready"), deadline));
  AUSPEX_TRY(now, ReadServers(route, deadline));
  if (!now.canary.set_aside()) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "{}: server '{}' stays set aside after 'state ready' (srv_admin_state {:#x}): its "
              "name does not resolve, or a server that it tracks is in maintenance",
              Backend(route), route.canary, now.canary.admin_state);
}

Result<HaproxyProxy::Servers> HaproxyProxy::ReadServers(const Route& route,
                                                        MonotonicTime deadline) const {
  AUSPEX_TRY(const std::string answer,
             socket_.Ask(fmt::format("show servers state {}", route.backend), deadline));
  auto servers = ParseServersState(answer);
  if (!servers.ok()) return Within(Backend(route), servers.error());
  Servers read;
  AUSPEX_TRY(read.canary, Pick(*servers, route.canary, Backend(route)));
  AUSPEX_TRY(read.baseline, Pick(*servers, route.baseline, Backend(route)));
  for (ServerState& server : *servers) {
    if (server.name == route.canary || server.name == route.baseline) continue;
    read.others.push_back(std::move(server));
  }
  return read;
}

Result<std::string> HaproxyProxy::AskStats(const Servers& servers, bool backend,
                                           MonotonicTime deadline) const {
  // By the backend's id: by name, HAProxy may find a frontend of the same name, which has no
  // servers. 4: servers, 2: the backend; -1: all of them.
  return socket_.Ask(fmt::format("show stat #{} {} -1", servers.canary.backend_id, backend ? 6 : 4),
                     deadline);
}

Result<std::vector<ServerStat>> HaproxyProxy::ReadStats(const Servers& servers,
                                                        MonotonicTime deadline) const {
  AUSPEX_TRY(const std::string answer, AskStats(servers, false, deadline));
  return Named(ParseServerStats(answer));
}

Status HaproxyProxy::RefuseOthers(const Route& route, const Servers& servers,
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
  return Fail(
      ErrorCode::kInvalidArgument,
      "{} has servers with a weight besides '{}' and '{}': {}; set their weight to 0 or move "
      "them to another backend",
      Backend(route), route.baseline, route.canary, NamesOf(serving));
}

Status HaproxyProxy::Do(const std::string& command, MonotonicTime deadline) const {
  AUSPEX_TRY(const std::string answer, socket_.Ask(command, deadline));
  if (const auto done = ParseSetServer(answer); !done.ok()) {
    return Within(fmt::format("haproxy at {}, '{}'", address(), command), done.error());
  }
  return {};
}

Status HaproxyProxy::Reach(const Route& route, const WeightPair& to, Servers* now,
                           MonotonicTime deadline) const {
  // More than one: a reload brings the file's weights between setting and reading back.
  constexpr int kRounds = 3;
  for (int round = 0; round < kRounds && now->weights() != to; ++round) {
    for (const WeightChange& change : PlanChanges(now->weights(), to)) {
      AUSPEX_TRY(Do(fmt::format("set server {}/{} weight {}", route.backend,
                                change.canary ? route.canary : route.baseline, change.weight),
                    deadline));
    }
    AUSPEX_TRY(*now, ReadServers(route, deadline));
  }
  if (now->weights() == to) return {};
  return Fail(ErrorCode::kUnavailable,
              "{}: the weights were set to {} and are {}; something else sets them too",
              Backend(route), Text(to), Text(now->weights()));
}

Status HaproxyProxy::WaitUntilIdle(const Servers& servers, Duration drain,
                                   MonotonicTime deadline) const {
  const auto until = std::min<MonotonicTime>(deadline, std::chrono::steady_clock::now() + drain);
  while (std::chrono::steady_clock::now() < until) {
    AUSPEX_TRY(const auto stats, ReadStats(servers, deadline));
    AUSPEX_TRY(const ServerStat canary, PickStat(stats, servers.canary, address()));
    if (canary.in_flight == 0) return {};
    std::this_thread::sleep_for(kLookAgain);
  }
  return {};
}

std::string HaproxyProxy::Backend(const Route& route) const {
  return fmt::format("haproxy at {}, backend '{}'", address(), route.backend);
}

}  // namespace auspex::traffic
