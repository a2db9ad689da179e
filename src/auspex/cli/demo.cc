#include <fmt/core.h>
#include <signal.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "auspex/base/clock.h"
#include "auspex/base/random.h"
#include "auspex/cli/client.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/picture.h"
#include "auspex/telemetry/sources/proxy_log.h"
#include "lab/process.h"
#include "lab/rig.h"
#include "lab/rig_config.h"

namespace auspex::cli {
namespace {

using nlohmann::ordered_json;

constexpr Duration kStartPatience = 20s;
constexpr Duration kPoll = 250ms;

// The demo's profile: interface and README state it; it is printed first.
constexpr double kTimeScale = 0.1, kTickSeconds = 1, kBakeSeconds = 120, kDeadlineSeconds = 180,
                 kPriorRisk = .15;

struct Scene {
  std::uint16_t api_port = 0;
  std::uint16_t feed_port = 0;
  std::unique_ptr<lab::Rig> rig;
  std::optional<lab::Process> daemon;  // ends before the rig and its folder
  ClientOptions client;
  std::string id;

  [[nodiscard]] std::string folder() const { return rig->folder().string(); }
};

std::string EndOf(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  return all.substr(all.size() > 600 ? all.size() - 600 : 0);
}

std::string ConfigurationText(const Scene& scene, const lab::Rig& rig) {
  return fmt::format(R"(apiVersion: auspex/v1
kind: Service
metadata: {{name: sample}}
spec:
  prior_risk: {0}
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
                     kPriorRisk, rig.haproxy_socket().string(), kTickSeconds, kBakeSeconds,
                     kDeadlineSeconds, kTimeScale, scene.api_port, scene.folder(),
                     rig.prometheus_url(), scene.feed_port, lab::kBackend, lab::kServerA,
                     lab::kServerB);
}

Status StartDaemon(Scene* scene) {
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

Result<Scene> SetUp(const DemoOptions& options, lab::Fault fault) {
  Scene scene;
  AUSPEX_TRY(scene.api_port, lab::FreePort());
  AUSPEX_TRY(scene.feed_port, lab::FreePort());
  scene.client.server = fmt::format("http://127.0.0.1:{}", scene.api_port);
  AUSPEX_TRY(scene.rig, lab::Rig::Start({.lab_command = {"/proc/self/exe", "lab"},
                                         .log_sections = telemetry::ProxyLog::RingSection(
                                             {.address = "127.0.0.1", .port = scene.feed_port}),
                                         .log_lines = telemetry::ProxyLog::LogFormat(),
                                         .fault = fault,
                                         .seed = options.seed,
                                         .rps = options.rps,
                                         .keep_files = options.keep}));
  std::ofstream(scene.folder() + "/auspex.yaml") << ConfigurationText(scene, *scene.rig);
  AUSPEX_TRY(StartDaemon(&scene));
  const ordered_json body{
      {"service", "sample"}, {"version", "v2"}, {"baseline_version", "v1"}, {"actor", "demo"}};
  AUSPEX_TRY(const std::string answer, PostApi(scene.client, "/api/v1/deployments", body.dump()));
  scene.id = ordered_json::parse(answer).at("id");
  return scene;
}

void PrintProfile(const DemoOptions& options) {
  fmt::print(
      "demo: fault {}, seed {}, {:g} requests/s over five routes, base error rate 1 %, prior risk "
      "{:g} %\n",
      options.fault, options.seed, options.rps, 100 * kPriorRisk);
  fmt::print(
      "time scale {:g}: tick {:g} s, bake {:g} s, deadline {:g} s, at most {:g} min; HAProxy, "
      "Prometheus, two versions and the load run on free ports\n\n",
      kTimeScale, kTickSeconds, kBakeSeconds, kDeadlineSeconds, options.minutes);
  std::fflush(stdout);
}

struct Watched {
  ordered_json last = ordered_json::object();
  std::vector<std::pair<double, double>> weights;
  double seconds = 0.0;
  int kills = 0;
};

// Ends the daemon as a crash would and starts it again, at random moments.
class Killer {
 public:
  explicit Killer(const DemoOptions& options)
      : every_(options.kill_every), random_(options.seed), due_(Next()) {}
  Status MaybeKill(Scene* scene, Watched* watched) {
    if (every_ <= 0.0 || RealClock().Now() < due_) return {};
    scene->daemon->Signal(SIGKILL);
    AUSPEX_TRY(const lab::ExitStatus ended, scene->daemon->Wait(5s));
    static_cast<void>(ended);
    ++watched->kills;
    AUSPEX_TRY(StartDaemon(scene));
    due_ = Next();
    return {};
  }

 private:
  MonotonicTime Next() {
    return RealClock().Now() + FromSeconds(every_ > 0.0 ? random_.Exponential(every_) : 0.0);
  }
  double every_;
  Random random_;
  MonotonicTime due_;
};

// Until the deployment's end or the time is over.
Result<Watched> Watch(const DemoOptions& options, Scene* scene) {
  const MonotonicTime begin = RealClock().Now();
  Picture picture;
  Watched watched;
  Killer killer(options);
  bool clock_started = false;
  while (true) {
    watched.seconds = Seconds(RealClock().Now() - begin);
    AUSPEX_TRY(killer.MaybeKill(scene, &watched));
    if (!scene->daemon->Running())
      return Fail(ErrorCode::kInternal,
                  "the daemon ended by itself; its log is {}/auspex.log (with --keep)",
                  scene->folder());
    AUSPEX_TRY(const std::string text, GetApi(scene->client, "/api/v1/deployments/" + scene->id));
    const ordered_json now = ordered_json::parse(text);
    if (!clock_started && now["state"] == "running") {
      AUSPEX_TRY(scene->rig->StartFaultClock());
      clock_started = true;
    }
    const double weight = now["weight"].get<double>(), t_s = now["t_s"].get<double>();
    if (watched.weights.empty() || watched.weights.back().second != weight)
      watched.weights.emplace_back(t_s, weight);
    const bool new_tick = watched.last.empty() || watched.last["t_s"] != now["t_s"] ||
                          watched.last["state"] != now["state"];
    watched.last = now;
    if (new_tick && options.json) {
      fmt::print("{}\n", text);
      std::fflush(stdout);
    } else if (new_tick) {
      picture.Show(text);
    }
    if (now["state"] == "ended" || watched.seconds > options.minutes * 60.0) return watched;
    std::this_thread::sleep_for(kPoll);
  }
}

ordered_json Answer(const DemoOptions& options, const Watched& watched,
                    const std::string& evidence) {
  const ordered_json& d = watched.last;
  const bool ended = d["state"] == "ended";
  const std::string decision = ended ? d.value("decision", "") : "hold";
  const int code =
      ended ? CodeForEnd(decision, d["verdict"].is_string() ? d["verdict"].get<std::string>() : "")
            : kNoAnswer;
  ordered_json causes = ordered_json::array();
  if (decision == "roll_back") causes = ordered_json::parse(evidence)["causes"];
  return {{"fault", options.fault},
          {"seed", options.seed},
          {"verdict", d["verdict"]},
          {"decision", decision},
          {"exit", code},
          {"duration_s", watched.seconds},
          {"weights", watched.weights},
          {"log_e", d["log_e"]},
          {"log_e_bar", d["log_e_bar"]},
          {"p_fail", d["p_fail"]},
          {"users_harmed", d["users_harmed"]},
          {"requests", d["requests"]},
          {"reason", d["reason"]},
          {"causes", causes},
          {"by", d["by"]},
          {"feed_lost", d["feed_lost"]},
          {"kills", watched.kills}};
}

void PrintAnswer(const ordered_json& a) {
  const std::string decision = a["decision"];
  fmt::print("\n{}: {}\n",
             decision == "promote"     ? "PROMOTED"
             : decision == "roll_back" ? "ROLLED BACK"
                                       : "HELD",
             a["reason"].get<std::string>());
  fmt::print("  verdict       {}\n  took          {:.0f} s\n  weight path  ",
             a["verdict"].is_string() ? a["verdict"].get<std::string>() : "none",
             a["duration_s"].get<double>());
  for (const ordered_json& step : a["weights"])
    fmt::print(" {:g}s:{:.3g}%", step[0].get<double>(), 100 * step[1].get<double>());
  fmt::print(
      "\n  evidence      log E {:.2f}, proven at {:.2f}; P(faulty) {:.1f} %\n  requests      {} on "
      "the canary, {} on the baseline\n",
      a["log_e"].get<double>(), a["log_e_bar"].get<double>(), 100 * a["p_fail"].get<double>(),
      a["requests"]["canary"].dump(), a["requests"]["baseline"].dump());
  fmt::print("  users harmed  {:.0f} beyond what the baseline would have\n",
             a["users_harmed"].get<double>());
  for (const ordered_json& cause : a["causes"]) {
    fmt::print("  cause         {} of {} ({:.0f} % of the evidence)\n",
               cause["metric"].get<std::string>(), cause["node"].get<std::string>(),
               100 * cause["share"].get<double>());
  }
}

}  // namespace

int Demo(const DemoOptions& options) {
  const Result<lab::Fault> fault = lab::ParseFault(options.fault);
  if (!fault.ok()) return Complain("demo", fault.error());
  if (!options.json) PrintProfile(options);
  Result<Scene> scene = SetUp(options, *fault);
  if (!scene.ok()) return Complain("demo", scene.error());
  const Result<Watched> watched = Watch(options, &*scene);
  if (!watched.ok()) return Complain("demo", watched.error());
  const Result<std::string> evidence =
      GetApi(scene->client, "/api/v1/deployments/" + scene->id + "/evidence");
  if (!evidence.ok()) return Complain("demo", evidence.error());
  const ordered_json answer = Answer(options, *watched, *evidence);
  if (options.json) {
    fmt::print("{}\n", answer.dump());
  } else {
    PrintAnswer(answer);
  }
  scene->daemon->Stop(10s);
  if (options.keep) fmt::print(stderr, "kept: {} (configuration, ledger, logs)\n", scene->folder());
  return answer["exit"].get<int>();
}

}  // namespace auspex::cli
