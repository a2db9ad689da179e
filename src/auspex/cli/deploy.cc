#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "auspex/base/http_client.h"
#include "auspex/base/printable.h"
#include "auspex/change/git/repository.h"
#include "auspex/cli/change_sight.h"
#include "auspex/cli/client.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "auspex/risk/version_range.h"

namespace auspex::cli {
namespace {

using nlohmann::ordered_json;

// That of the last promoted deployment, as far as the daemon knows.
Result<std::string> ServingVersion(const ClientOptions& client, const std::string& service) {
  AUSPEX_TRY(const std::string text,
             GetApi(client,
                    "/api/v1/deployments?state=ended&limit=200&service=" + PercentEncode(service)));
  const ordered_json page = ordered_json::parse(text, nullptr, false);
  if (page.is_object() && page.contains("items")) {
    for (const ordered_json& one : page["items"])
      if (one.value("decision", "") == "promote") return one.value("version", "");
  }
  return Fail(ErrorCode::kInvalidArgument,
              "no deployment of {} was promoted yet, so nobody knows which version serves; say "
              "--baseline-version",
              service);
}

// What the version changes of the one that serves. A range that is only likely would give P(fail)
// of something else.
Result<std::string> RangeOfVersions(const ClientOptions& client, const DeployOptions& options) {
  AUSPEX_TRY(const auto repository, change::git::Repository::Open(options.repository));
  std::string older = options.baseline_version;
  if (older.empty()) {
    AUSPEX_TRY(older, ServingVersion(client, options.service));
  }
  auto range = risk::RangeOf(
      repository, {.service = options.service, .older = older, .newer = options.version});
  if (range.ok() || range.error().code == ErrorCode::kConflict) return range;
  return Fail(range.error().code, "{}; or say what it changes with --range A..B",
              range.error().message);
}

Result<risk::ChangeFacts> ChangeOf(const ClientOptions& client, const DeployOptions& options) {
  Result<std::string> range = options.range;
  if (range->empty()) range = RangeOfVersions(client, options);
  if (!range.ok() && range.error().code == ErrorCode::kConflict)
    return risk::FactsWithout(range.error());
  if (!range.ok()) return Failure{range.error()};
  auto change = SeeChange({.repository = options.repository,
                           .range = *range,
                           .paths = options.paths,
                           .service = options.service});
  if (!change.ok() && change.error().code == ErrorCode::kNoData)
    return risk::FactsWithout(change.error());
  if (!change.ok()) return Failure{change.error()};
  change->facts.range = risk::AsPeopleSay(std::move(change->facts.range));
  return std::move(change->facts);
}

// Whoever deploys must not take the usual risk for that of the change.
void TellWhatIsNotKnown(const ClientOptions& client, const std::string& id) {
  const auto text = GetApi(client, "/api/v1/deployments/" + PercentEncode(id) + "/prediction");
  if (!text.ok()) return;  // it was announced, and that is what counts
  const ordered_json prediction = ordered_json::parse(*text, nullptr, false);
  if (!prediction.is_object() || !prediction.contains("change")) return;
  const ordered_json& change = prediction["change"];
  const std::string why = change.value("model", "");
  if (change.contains("known") && change["known"].empty() && !why.empty())
    fmt::print(stderr, "auspex deploy: {}\n", Printable(why));
}

}  // namespace

int Deploy(const ClientOptions& client, const DeployOptions& options) {
  ordered_json body{{"service", options.service},
                    {"version", options.version},
                    {"actor", ActorName(options.actor)}};
  if (!options.baseline_version.empty()) body["baseline_version"] = options.baseline_version;
  if (options.risk) body["risk"] = *options.risk;
  if (!options.repository.empty()) {
    const auto change = ChangeOf(client, options);
    if (!change.ok()) return Complain("deploy", change.error());
    body["change"] = ordered_json::parse(ToJson(*change));
  }
  const Result<std::string> answer = PostApi(client, "/api/v1/deployments", body.dump());
  if (!answer.ok()) return Complain("deploy", answer.error());
  const ordered_json deployment = ordered_json::parse(*answer);
  const std::string id = deployment.at("id");
  TellWhatIsNotKnown(client, id);
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
