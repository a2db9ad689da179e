#include "auspex/cli/demo_chaos.h"

#include <signal.h>

#include <algorithm>

namespace auspex::cli {
namespace {

constexpr double kAwaySeconds = 1.5, kMostAwaySeconds = 4.0;

}  // namespace

DemoChaos::DemoChaos(const std::vector<std::string>& parts, double every_s, std::uint64_t seed)
    : parts_(parts), every_s_(every_s), random_(seed) {
  // The first one soon: a bad release does not last long.
  if (every_s_ > 0.0) due_ = RealClock().Now() + FromSeconds(random_.Uniform() * every_s_);
}

Status DemoChaos::Step(DemoScene* scene) {
  const MonotonicTime now = RealClock().Now();
  if (every_s_ <= 0.0 || parts_.empty() || now < due_) return {};
  if (away_.empty()) {
    away_ = parts_[random_.Below(parts_.size())];
    End(away_, scene);
    ++kills_[away_];
    due_ = now + FromSeconds(std::min(kMostAwaySeconds, random_.Exponential(kAwaySeconds)));
    return {};
  }
  AUSPEX_TRY(Begin(away_, scene));
  away_.clear();
  due_ = now + FromSeconds(random_.Exponential(every_s_));
  return {};
}

void DemoChaos::End(const std::string& part, DemoScene* scene) {
  if (part == "daemon") {
    scene->daemon->Signal(SIGKILL);
    scene->daemon->Stop(5s);
  } else if (part == "feed") {
    scene->feed->Cut();
  } else if (part == "haproxy") {
    scene->rig->KillHaproxy();
  } else {
    scene->rig->KillPrometheus();
  }
}

Status DemoChaos::Begin(const std::string& part, DemoScene* scene) {
  if (part == "daemon") return StartDemoDaemon(scene);
  if (part == "feed") return scene->feed->Restore();
  return part == "haproxy" ? scene->rig->RestartHaproxy() : scene->rig->RestartPrometheus();
}

}  // namespace auspex::cli
