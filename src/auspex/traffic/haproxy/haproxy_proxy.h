#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/traffic/haproxy/runtime_answers.h"
#include "auspex/traffic/haproxy/runtime_socket.h"
#include "auspex/traffic/haproxy/weight_pair.h"
#include "auspex/traffic/router.h"

namespace auspex::traffic {

// One HAProxy of a HaproxyRouter. Every error names it by its address. Thread-safe, but of changes
// only one at a time: two that interleave could leave both servers at weight 0.
//
// While HAProxy reloads, its old process answers on the socket until the new one is ready: what was
// set at the old one is lost with it, and the next Observe shows the file's weights.
class HaproxyProxy {
 public:
  explicit HaproxyProxy(RuntimeSocket socket) : socket_(std::move(socket)) {}

  // As the calls of Router, for this proxy alone.
  Result<Weight> Apply(const Route& route, Weight weight, MonotonicTime deadline) const;
  // `one_of_several`: asks for its process too.
  Result<ProxyView> Observe(const Route& route, bool one_of_several, MonotonicTime deadline) const;
  // Requests that the canary has may end for as long as `drain`; then they are cut.
  Status Evict(const Route& route, Duration drain, MonotonicTime deadline) const;
  Status Admit(const Route& route, MonotonicTime deadline) const;

  [[nodiscard]] const std::string& address() const { return socket_.address(); }

 private:
  struct Servers {
    ServerState canary;
    ServerState baseline;
    std::vector<ServerState> others;
    [[nodiscard]] WeightPair weights() const {
      return {.canary = canary.weight, .baseline = baseline.weight};
    }
  };

  Result<Servers> ReadServers(const Route& route, MonotonicTime deadline) const;
  // `show stat` of the backend's servers and, with `backend`, of itself.
  Result<std::string> AskStats(const Servers& servers, bool backend, MonotonicTime deadline) const;
  Result<std::vector<ServerStat>> ReadStats(const Servers& servers, MonotonicTime deadline) const;
  // Error: kInvalidArgument if a server that is not of the route has a weight and is no backup.
  Status RefuseOthers(const Route& route, const Servers& servers, MonotonicTime deadline) const;
  // A command whose answer is empty where it succeeded.
  Status Do(const std::string& command, MonotonicTime deadline) const;
  // Sets `to` and reads it back; `now` becomes what was read last.
  Status Reach(const Route& route, const WeightPair& to, Servers* now,
               MonotonicTime deadline) const;
  // Until the canary has no request, `drain` is over or the deadline comes.
  Status WaitUntilIdle(const Servers& servers, Duration drain, MonotonicTime deadline) const;
  // An error of an answer, naming the proxy.
  template <typename T>
  Result<T> Named(Result<T> parsed) const {
    if (parsed.ok()) return parsed;
    return Within(fmt::format("haproxy at {}", address()), parsed.error());
  }
  // Sets `draw` and its note by what `show stat` says of the backend.
  void NoteDraw(const Route& route, std::string_view algorithm, ProxyView* view) const;
  [[nodiscard]] std::string Backend(const Route& route) const;  // how errors begin

  RuntimeSocket socket_;
};

}  // namespace auspex::traffic
