// ParseConfiguration: the daemon's YAML.

#include "auspex/cli/configuration.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "auspex/base/ids.h"
#include "auspex/rollout/codec.h"
#include "auspex/traffic/register_routers.h"
#include "fuzz/check.h"

namespace {

using auspex::cli::Configuration;
using auspex::rollout::ServiceConfig;

// One line for each thing that is wrong, each with its place, nothing in it that moves a cursor.
void CheckError(const auspex::Error& error) {
  AUSPEX_FUZZ_CHECK(error.code == auspex::ErrorCode::kInvalidArgument, error.message);
  AUSPEX_FUZZ_CHECK(!error.message.empty(), "no word about what is wrong");
  std::string_view rest = error.message;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    AUSPEX_FUZZ_CHECK(line.starts_with("auspex.yaml:"), line);
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      AUSPEX_FUZZ_CHECK(byte >= 0x20 && byte != 0x7f, line);
    }
  }
}

void CheckService(const ServiceConfig& service) {
  AUSPEX_FUZZ_CHECK(auspex::CheckName("service", service.name).ok(), service.name);
  AUSPEX_FUZZ_CHECK(service.tick_s >= 1.0 && service.tick_s <= 60.0,
                    std::to_string(service.tick_s));
  AUSPEX_FUZZ_CHECK(service.bake_s <= service.deadline_s, std::to_string(service.deadline_s));
  AUSPEX_FUZZ_CHECK(service.servers[0] != service.servers[1], service.servers[0]);
  auspex::traffic::RouterRegistry routers;
  auspex::traffic::RegisterRouters(routers);
  AUSPEX_FUZZ_CHECK(routers.Create(service.router, service.router_config).ok(), service.router);
  // What was accepted can be stored, and is read back the same.
  const std::string stored = ToJson(SpecFor(service, "d1"));
  const auto spec = auspex::rollout::SpecFromJson(stored);
  AUSPEX_FUZZ_CHECK(spec.ok(), stored + (spec.ok() ? "" : spec.error().message));
  AUSPEX_FUZZ_CHECK(ToJson(*spec) == stored, stored);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the bytes as text
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto configuration = auspex::cli::ParseConfiguration(text, "auspex.yaml");
  if (!configuration.ok()) {
    CheckError(configuration.error());
    return 0;
  }
  std::set<std::string> names;
  for (const ServiceConfig& service : configuration->services) {
    CheckService(service);
    AUSPEX_FUZZ_CHECK(names.insert(service.name).second, service.name);
  }
  const auto& server = configuration->server;
  AUSPEX_FUZZ_CHECK(server.port >= 0 && server.port <= 65535, std::to_string(server.port));
  AUSPEX_FUZZ_CHECK(server.feed_port >= 0 && server.feed_port <= 65535,
                    std::to_string(server.feed_port));
  return 0;
}
