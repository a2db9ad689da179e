#include "lab/faults.h"

#include <algorithm>
#include <string>
#include <utility>

namespace auspex::lab {
namespace {

constexpr std::array<std::pair<std::string_view, Fault>, 8> kNames = {{
    {"none", Fault::kNone},
    {"errors", Fault::kErrors},
    {"latency", Fault::kLatency},
    {"tail", Fault::kTail},
    {"leak", Fault::kLeak},
    {"crash", Fault::kCrash},
    {"load", Fault::kLoad},
    {"dependency", Fault::kDependency},
}};

bool ClockWithin(const std::optional<double>& clock_s, double from_s, double until_s) {
  return clock_s.has_value() && *clock_s >= from_s && *clock_s < until_s;
}

}  // namespace

std::string_view Name(Fault fault) {
  const auto* const found = std::find_if(kNames.begin(), kNames.end(),
                                         [&](const auto& entry) { return entry.second == fault; });
  return found->first;  // every Fault is in the table
}

Result<Fault> ParseFault(std::string_view name) {
  std::string names;
  for (const auto& [text, fault] : kNames) {
    if (text == name) return fault;
    names += names.empty() ? "" : ", ";
    names += text;
  }
  return Fail(ErrorCode::kInvalidArgument, "no fault '{}'; there is {}", name, names);
}

Effect EffectOf(Fault fault, const Situation& now) {
  constexpr double kEver = 1e18;
  Effect effect{.error_rate = now.base_error_rate};
  switch (fault) {
    case Fault::kNone:
    case Fault::kLeak:
      break;
    case Fault::kErrors:
      effect.error_rate = std::min(1.0, now.base_error_rate + kErrorsAdded);
      break;
    case Fault::kLatency:
      effect.latency_factor = kLatencyFactor;
      break;
    case Fault::kTail:
      effect.tail_chance = kTailChance;
      break;
    case Fault::kCrash:
      if (ClockWithin(now.clock_s, kCrashFromS, kEver)) effect.error_rate = kCrashErrorRate;
      break;
    case Fault::kLoad:
      if (now.traffic_share >= kLoadFromShare) effect.error_rate = kLoadErrorRate;
      break;
    case Fault::kDependency:
      if (ClockWithin(now.clock_s, kDependencyFromS, kDependencyUntilS)) {
        effect.error_rate = kDependencyErrorRate;
      }
      break;
  }
  return effect;
}

}  // namespace auspex::lab
