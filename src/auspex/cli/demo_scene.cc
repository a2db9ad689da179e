#include "auspex/cli/demo_scene.h"

#include <fmt/core.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "auspex/cli/client.h"
#include "auspex/telemetry/sources/proxy_log.h"
#include "lab/rig_config.h"

namespace auspex::cli {
namespace {

using nlohmann::ordered_json;

constexpr Duration kStartPatience = 20s;

std::string EndOf(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  return all.substr(all.size() > 600 ? all.size() - 600 : 0);
}

std::string ConfigurationText(const DemoOptions& options, const DemoScene& scene,
                              const lab::Rig& rig) {
  const DemoProfile& profile = ProfileOf(options);
  return fmt::format(R"(apiVersion: auspex/v1
kind: Service
metadata: {{name: sample}}
spec:
  prior_risk: {0}
  pace: {13}
  traffic: {{router: haproxy, socket: {1}, backend: {10}, servers: [{11}, {12}]}}
  signals:
    - {{name: requests, role: errors, from: proxy_log}}
    - {{name: memory, role: saturation, from: prometheus, query: 'process_resident_memory_bytes{{version="$version"}}'}}
  limits: {{tick: {2}s, bake: {3}s, deadline: {4}s, time_scale: {5}}}
---
apiVersion: auspex/v1
kind: Server
metadata: {{name: demo}}
spec:
  listen: 127.0.0.1:{6}
  ledger: {{store: sqlite, path: {7}/auspex.db}}
  objects: {{store: filesystem, path: {7}/objects}}
  metrics: {{prometheus: {{url: '{8}'}}}}
  proxy_log: {{listen: 'tcp://127.0.0.1:{9}'}}
)",
                     kDemoPriorRisk, rig.haproxy_socket().string(), kDemoTickSeconds,
                     profile.bake_s, profile.deadline_s, profile.time_scale, scene.api_port,
                     scene.folder(), rig.prometheus_url(), scene.feed_port, lab::kBackend,
                     lab::kServerA, lab::kServerB, options.pace);
}

}  // namespace

Status StartDemoDaemon(DemoScene* scene) {
  const std::string log = scene->folder() + "/auspex.log";
  AUSPEX_TRY(lab::Process process,
             lab::Process::Start(
                 {.argv = {"/proc/self/exe", "serve", "--config", scene->folder() + "/auspex.yaml"},
                  .output = log}));
  scene->daemon = std::move(process);
  const bool up = lab::WaitUntil(
      [&] { return GetApi(scene->client, "/readyz").ok() || !scene->daemon->Running(); },
      kStartPatience);
  if (up && scene->daemon->Running()) return {};
  return Fail(ErrorCode::kUnavailable, "the daemon did not start; its log ends: {}", EndOf(log));
}

Result<DemoScene> SetUpDemo(const DemoOptions& options, lab::Fault fault) {
  DemoScene scene;
  AUSPEX_TRY(scene.api_port, lab::FreePort());
  AUSPEX_TRY(scene.feed_port, lab::FreePort());
  std::uint16_t proxy_sends_to = scene.feed_port;
  if (options.kill_every > 0.0) {
    AUSPEX_TRY(scene.feed, lab::Relay::Start(scene.feed_port));
    proxy_sends_to = scene.feed->port();
  }
  scene.client.server = fmt::format("http://127.0.0.1:{}", scene.api_port);
  AUSPEX_TRY(scene.rig, lab::Rig::Start({.lab_command = {"/proc/self/exe", "lab"},
                                         .log_sections = telemetry::ProxyLog::RingSection(
                                             {.address = "127.0.0.1", .port = proxy_sends_to}),
                                         .log_lines = telemetry::ProxyLog::LogFormat(),
                                         .fault = fault,
                                         .seed = options.seed,
                                         .rps = options.rps,
                                         .keep_files = options.keep}));
  std::ofstream(scene.folder() + "/auspex.yaml") << ConfigurationText(options, scene, *scene.rig);
  AUSPEX_TRY(StartDemoDaemon(&scene));
  const ordered_json body{
      {"service", "sample"}, {"version", "v2"}, {"baseline_version", "v1"}, {"actor", "demo"}};
  AUSPEX_TRY(const std::string answer, PostApi(scene.client, "/api/v1/deployments", body.dump()));
  scene.id = ordered_json::parse(answer).at("id");
  return scene;
}

}  // namespace auspex::cli
