#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "auspex/cli/change_sight.h"
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
  if (!options.repository.empty()) {
    const auto change = SeeChange({.repository = options.repository,
                                   .range = options.range,
                                   .paths = options.paths,
                                   .service = options.service});
    if (!change.ok()) return Complain("deploy", change.error());
    body["change"] = ordered_json::parse(ToJson(change->facts));
  }
  const Result<std::string> answer = PostApi(client, "/api/v1/deployments", body.dump());
  if (!answer.ok()) return Complain("deploy", answer.error());
  const ordered_json deployment = ordered_json::parse(*answer);
  const std::string id = deployment.at("id");
  if (options.wait) return RolloutWatch(client, id);
  if (client.json) {
    fmt::print("{}\n", *answer);
  } else {
    fmt::print("{}\nP(fail) before traffic {:.0f} %{}; why: auspex rollout prediction {}\n", id,
               100.0 * deployment.value("risk", 0.0),
               deployment.value("state", "") == "waiting"
                   ? ", so it waits for approval: auspex rollout approve, or reject"
                   : "",
               id);
    fmt::print("follow it with: auspex rollout watch {}\n", id);
  }
  return kGood;
}

}  // namespace auspex::cli
