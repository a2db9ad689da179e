#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// The controller as a co-process: one JSON object a line in, one decision a line out, many
// deployments at once.
//
//   DecideStream stream;
//   std::optional<std::string> answer =
//   stream.Handle(R"({"start":{"deployment":"d1","tick_s":10}})");
//
// Not thread-safe.
class DecideStream {
 public:
  // Bytes of a line; a longer one is refused.
  static constexpr std::size_t kLongestLine = 4 << 20;

  // The answer, without a line end; nullopt after a `stop`. A line that cannot be understood
  // changes nothing and gives
  // {"error":"line N: …","line":N}.
  std::optional<std::string> Handle(std::string_view line);
  [[nodiscard]] std::size_t running() const { return rollouts_.size(); }

 private:
  Result<std::optional<std::string>> Answer(std::string_view line);
  std::map<std::string, Rollout, std::less<>> rollouts_;
  std::int64_t line_ = 0;
};

}  // namespace auspex::rollout
