#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/base/weight.h"
#include "auspex/rollout/engine.h"
#include "auspex/rollout/service_config.h"
#include "auspex/telemetry/telemetry.h"

// Many services without a network: their proxies are memory routers, and this is the feed, which
// counts what the weights that were decided would have given. No canary has a fault.
namespace auspex::bench {

// A RequestSource over all of the services. Thread-safe.
class SimulatedServices final : public telemetry::RequestSource {
 public:
  // `requests_per_s` of each service, both arms together. `on_take` is called at each Take, from
  // its thread.
  SimulatedServices(std::size_t services, double requests_per_s, std::function<void()> on_take);

  // Takes the weight of a decision, as the memory router did.
  void Follow(const rollout::Engine::Event& event);
  // One each, with ticks of 1 s and the demo's time scale; a bake and a deadline that never come.
  [[nodiscard]] std::vector<rollout::ServiceConfig> Configurations() const;

  void Track(const telemetry::ServerKey& server) override;
  void Forget(const telemetry::ServerKey& server) override;
  void SetEdges(const telemetry::ServerKey& server, const telemetry::Edges& edges) override;
  telemetry::ServerTick Take(const telemetry::ServerKey& server,
                             std::optional<WallTime> until) override;
  [[nodiscard]] std::int64_t LinesOf(const telemetry::ServerKey& server) const override;
  [[nodiscard]] std::int64_t LinesHeard(const telemetry::ServerKey& /*server*/) const override {
    return 0;
  }
  [[nodiscard]] std::int64_t LinesFrom(std::string_view /*host*/,
                                       std::int64_t /*process*/) const override {
    return 0;
  }
  [[nodiscard]] telemetry::FeedHealth Health() const override { return {.connected = true}; }

 private:
  struct Server {
    bool tracked = false;
    bool has_edges = false;
    std::optional<WallTime> taken_until;
    std::int64_t lines = 0;
  };
  struct Service {
    Weight canary;
    std::array<Server, 2> arms;  // baseline, canary
  };
  [[nodiscard]] Server* Find(const telemetry::ServerKey& server);

  const std::size_t count_;
  const double requests_per_s_;
  const std::function<void()> on_take_;
  mutable std::mutex mutex_;                              // guards what follows
  std::map<std::string, Service, std::less<>> services_;  // by backend
  Random random_{7};
  telemetry::Sketch latency_;  // of one tick: the same for all
};

}  // namespace auspex::bench
