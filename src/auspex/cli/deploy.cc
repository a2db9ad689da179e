#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "auspex/cli/client.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"

namespace auspex::cli {

using nlohmann::ordered_json;

int Deploy(const ClientOptions& client, const DeployOptions& options) {
  ordered_json body{{"service", options.service},
                    {"version", options.version},
                    {"actor", ActorName(options.actor)}};
  if (!options.baseline_version.empty()) body["baseline_version"] = options.baseline_version;
  if (options.risk) body["risk"] = *options.risk;
  const Result<std::string> answer = PostApi(client, "/api/v1/deployments", body.dump());
  if (!answer.ok()) return Complain("deploy", answer.error());
  const std::string id = ordered_json::parse(*answer).at("id");
  if (options.wait) return RolloutWatch(client, id);
  if (client.json) {
    fmt::print("{}\n", *answer);
  } else {
    fmt::print("{}\nfollow it with: auspex rollout watch {}\n", id, id);
  }
  return kGood;
}

}  // namespace auspex::cli
