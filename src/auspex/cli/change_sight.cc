#include "auspex/cli/change_sight.h"

#include <CLI/CLI.hpp>
#include <ctime>
#include <string_view>
#include <utility>

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

Result<std::vector<change::ServicePath>> ServicePaths(const std::vector<std::string>& paths) {
  std::vector<change::ServicePath> services;
  for (const std::string& text : paths) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return Fail(ErrorCode::kInvalidArgument,
                  "--path: '{}' names no service; write NAME=FOLDER, as checkout=services/checkout",
                  text);
    auto folder = change::FolderOf(std::string_view(text).substr(equals + 1));
    if (!folder.ok()) return Within("--path", folder.error());
    services.push_back({*std::move(folder), text.substr(0, equals)});
  }
  return services;
}

CLI::Option* AddPathOption(CLI::App* command, std::vector<std::string>* paths) {
  return command
      ->add_option("--path", *paths,
                   "NAME=FOLDER, where a service lies in a repository of several; once for each")
      ->allow_extra_args(false);
}

Result<risk::ChangeRisk> SeeChange(const ChangeOptions& options) {
  AUSPEX_TRY(auto services, ServicePaths(options.paths));
  const RealClock clock;
  CopyMeter meter(clock);
  return risk::LookAtChange({.repository = options.repository,
                             .range = options.range,
                             .services = std::move(services),
                             .service = options.service,
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
