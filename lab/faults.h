#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "auspex/base/result.h"

namespace auspex::lab {

// What can be wrong with a version of the sample service.
enum class Fault { kNone, kErrors, kLatency, kTail, kLeak, kCrash, kLoad, kDependency };

[[nodiscard]] std::string_view Name(Fault fault);
// Error: kInvalidArgument with the names there are.
Result<Fault> ParseFault(std::string_view name);

struct Route {
  std::string_view name;  // first segment of the path
  double share;           // of the load; they sum to 1
  double latency_factor;  // on the service's median
};

inline constexpr std::array<Route, 5> kRoutes = {{
    {"cart", 0.50, 1.0},
    {"search", 0.25, 1.2},
    {"pay", 0.13, 1.5},
    {"img", 0.08, 0.6},
    {"account", 0.04, 0.9},
}};

// Sizes of the demo's faults, part of its published profile.
inline constexpr double kErrorsAdded = 0.10;  // on the base rate
inline constexpr double kLatencyFactor = 1.8;
inline constexpr double kTailChance = 0.08;
inline constexpr double kTailFactor = 8.0;
inline constexpr double kLeakPerMinute = 0.60;  // of the memory at the start
inline constexpr double kCrashErrorRate = 0.60;
inline constexpr double kCrashFromS = 20.0;  // on the fault clock
inline constexpr double kLoadErrorRate = 0.20;
inline constexpr double kLoadFromShare = 0.30;  // of all traffic
inline constexpr double kDependencyErrorRate = 0.30;
inline constexpr double kDependencyFromS = 40.0;
inline constexpr double kDependencyUntilS = 70.0;

struct Situation {
  std::optional<double> clock_s;  // seconds since the fault clock was started; none: not started
  double traffic_share = 0.0;     // of all requests, that this version gets now
  double base_error_rate = 0.0;
};

// How the next request fares.
struct Effect {
  double error_rate = 0.0;
  double latency_factor = 1.0;
  double tail_chance = 0.0;  // chance that the request takes kTailFactor times as long
};

// Pure. A leak has no effect on requests.
[[nodiscard]] Effect EffectOf(Fault fault, const Situation& situation);

}  // namespace auspex::lab
