#pragma once

#include "auspex/telemetry/telemetry.h"

namespace auspex::rollout::testing {

// A feed that brings nothing.
class QuietFeed final : public telemetry::RequestSource {
 public:
  explicit QuietFeed(bool connected) : connected_(connected) {}
  void Track(const telemetry::ServerKey& /*server*/) override {}
  void Forget(const telemetry::ServerKey& /*server*/) override {}
  void SetEdges(const telemetry::ServerKey& /*server*/,
                const telemetry::Edges& /*edges*/) override {}
  telemetry::ServerTick Take(const telemetry::ServerKey& /*server*/,
                             std::optional<WallTime> /*until*/) override {
    return {};
  }
  [[nodiscard]] std::int64_t LinesOf(const telemetry::ServerKey& /*server*/) const override {
    return 0;
  }
  [[nodiscard]] std::int64_t LinesHeard(const telemetry::ServerKey& /*server*/) const override {
    return 0;
  }
  [[nodiscard]] std::int64_t LinesFrom(std::string_view /*host*/,
                                       std::int64_t /*process*/) const override {
    return 0;
  }
  [[nodiscard]] telemetry::FeedHealth Health() const override { return {.connected = connected_}; }

 private:
  bool connected_;
};

}  // namespace auspex::rollout::testing
