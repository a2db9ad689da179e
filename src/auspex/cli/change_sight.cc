#include "auspex/cli/change_sight.h"

#include <ctime>

#include "auspex/base/clock.h"
#include "auspex/change/git/history_cache.h"
#include "auspex/cli/copy_meter.h"

namespace auspex::cli {
namespace {

int ZoneMinutes(WallTime now) {
  const auto seconds = static_cast<std::time_t>(MicrosSinceEpoch(now) / 1'000'000);
  std::tm local{};
  if (::localtime_r(&seconds, &local) == nullptr) return 0;
  return static_cast<int>(local.tm_gmtoff / 60);
}

}  // namespace

Result<risk::ChangeRisk> SeeChange(const std::string& repository, const std::string& range) {
  const RealClock clock;
  CopyMeter meter(clock);
  return risk::LookAtChange({.repository = repository,
                             .range = range,
                             .cache = change::git::HistoryCache::DefaultFolder(),
                             .now = clock.Wall(),
                             .zone_min = ZoneMinutes(clock.Wall()),
                             .progress = [&meter](std::string_view what, std::string_view unit,
                                                  std::size_t done, std::size_t all) {
                               meter.Show({.doing = what,
                                           .unit = unit,
                                           .done = static_cast<std::int64_t>(done),
                                           .all = static_cast<std::int64_t>(all)});
                             }});
}

}  // namespace auspex::cli
