#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "auspex/base/clock.h"
#include "auspex/cli/client.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/demo_chaos.h"
#include "auspex/cli/demo_scene.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/picture.h"

namespace auspex::cli {
namespace {

using nlohmann::ordered_json;

constexpr Duration kPoll = 250ms;

void PrintProfile(const DemoOptions& options) {
  fmt::print(
      "demo: fault {}, seed {}, {:g} requests/s over five routes, base error rate 1 %, prior risk "
      "{:g} %\n",
      options.fault, options.seed, options.rps, 100 * kDemoPriorRisk);
  const DemoProfile& profile = ProfileOf(options);
  fmt::print(
      "pace {}, time scale {:g}: tick {:g} s, bake {:g} s, deadline {:g} s, at most {:g} min; "
      "HAProxy, "
      "Prometheus, two versions and the load run on free ports\n\n",
      options.pace, profile.time_scale, kDemoTickSeconds, profile.bake_s, profile.deadline_s,
      options.minutes);
  std::fflush(stdout);
}

struct Watched {
  ordered_json last = ordered_json::object();
  std::vector<std::pair<double, double>> weights;
  double seconds = 0.0;
  std::map<std::string, int> kills;
};

// Until the deployment's end or the time is over.
Result<Watched> Watch(const DemoOptions& options, DemoScene* scene) {
  const MonotonicTime begin = RealClock().Now();
  Picture picture;
  Watched watched;
  DemoChaos chaos(options.kill, options.kill_every, options.seed);
  bool clock_started = false;
  while (true) {
    watched.seconds = Seconds(RealClock().Now() - begin);
    AUSPEX_TRY(chaos.Step(scene));
    watched.kills = chaos.kills();
    if (chaos.DaemonIsAway()) {
      std::this_thread::sleep_for(kPoll);
      continue;
    }
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
      "\n  evidence      log E {:.2f}, proven at {:.2f}; P(faulty) {:.1f} %\n  requests      "
      "{:.0f} on "
      "the canary, {:.0f} on the baseline\n",
      a["log_e"].get<double>(), a["log_e_bar"].get<double>(), 100 * a["p_fail"].get<double>(),
      a["requests"]["canary"].get<double>(), a["requests"]["baseline"].get<double>());
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
  Result<DemoScene> scene = SetUpDemo(options, *fault);
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
