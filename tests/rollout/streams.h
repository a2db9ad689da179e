#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/rollout/decide.h"

// Streams of `decide` by chance, said to DecideStream and to a reference in Python: both must
// answer the same.
namespace auspex::rollout::testing {

using nlohmann::json;

struct Fault {
  double from_s = 0;
  double errors = 1, slow = 1, outage = 1, leak = 0;
};

// One deployment's traffic.
class Stream {
 public:
  Stream(std::string name, std::uint64_t seed, Pace pace)
      : name_(std::move(name)), random_(seed), pace_(pace) {
    scale_ = random_.Chance(.4) ? 1 : Pick({.02, .1, .5, 2});
    criticality_ = 1 + static_cast<int>(random_.Below(4));
    tick_s_ = Pick({1, 2, 5, 10, 10, 20, 60}) * scale_;
    rps_ = std::exp(random_.Uniform() * 10 - 1) / scale_;
    error_rate_ = std::pow(10, -1 - 4 * random_.Uniform());
    ticks_ = 60 + static_cast<int>(random_.Below(90));
    routes_ = random_.Chance(.5) ? random_.Below(4) : 0;
    memory_ = random_.Chance(.4);
    cpu_ = random_.Chance(.2);
    fault_.from_s = random_.Uniform() * tick_s_ * ticks_;
    if (random_.Chance(.3)) fault_.errors = std::exp(random_.Uniform() * 5);
    if (random_.Chance(.2)) fault_.slow = 1 + random_.Uniform() * 2;
    if (random_.Chance(.2)) fault_.outage = std::exp(random_.Uniform() * 6);
    if (random_.Chance(.3)) fault_.leak = random_.Uniform() * .01;
    silent_from_ = static_cast<int>(random_.Below(200));
    down_from_ = random_.Chance(.15) ? static_cast<int>(random_.Below(100)) : 1000;
    if (pace_ == Pace::kSwift) PlanSwift();
  }

  json Start() {
    json start{{"deployment", name_}};
    const auto maybe = [&](const char* key, double chance, json value) {
      if (random_.Chance(chance)) start[key] = std::move(value);
    };
    start["criticality"] = criticality_;
    start["tick_s"] = tick_s_;
    if (scale_ != 1) start["time_scale"] = scale_;
    maybe("service", .5, "checkout");
    maybe("mode", .8, std::array{"fast", "balanced", "careful"}[random_.Below(3)]);
    if (pace_ == Pace::kClassic)
      maybe("policy", .5, random_.Chance(.4) ? "rule" : "adaptive");
    else
      StartSwift(&start);
    maybe("alpha", .5, Pick({.001, .01, .05, .2}));
    maybe("risk", .7, Pick({0, .01, random_.Uniform(), random_.Uniform(), 1}));
    maybe("requests_per_s", .7, rps_);
    maybe("rollback_below", .4, Pick({0, .05, .3}));
    maybe("at_deadline", .5, std::array{"promote", "hold", "roll_back"}[random_.Below(3)]);
    maybe("detect", .4, 1.05 + 5 * random_.Uniform());
    maybe("error_rate", .4, .2 * random_.Uniform());
    const double length = tick_s_ * ticks_;
    if (random_.Chance(.7)) {
      json& limits = start["limits"] = json::object();
      if (random_.Chance(.6)) limits["warm_up_s"] = std::floor(length * .2 * random_.Uniform());
      if (random_.Chance(.8)) limits["bake_s"] = length * .8 * random_.Uniform();
      if (random_.Chance(.6)) limits["deadline_s"] = length * (.3 + random_.Uniform());
    }
    if (random_.Chance(.8) || routes_ > 0 || memory_ || cpu_) start["history"] = History();
    return {{"start", start}};
  }

  // The next tick, of a canary that has this share.
  json Tick(double weight) {
    ++tick_;
    t_s_ += tick_s_ * (random_.Chance(.02) ? 2 : 1);
    const bool faulty = t_s_ >= fault_.from_s;
    const double rate = error_rate_ * (faulty ? fault_.outage : 1);
    const bool quiet = tick_ % 200 >= silent_from_ && tick_ % 200 < silent_from_ + 8;
    const std::int64_t all = random_.Chance(.02) ? 0 : random_.Poisson(rps_ * tick_s_);
    std::int64_t canary = random_.Binomial(all, weight);
    const std::int64_t baseline = quiet && tick_ % 2 == 0 ? 0 : all - canary;
    if (quiet) canary = 0;
    json tick{{"deployment", name_}, {"t_s", t_s_}};
    tick["canary"] = Arm(canary, rate * (faulty ? fault_.errors : 1), faulty ? fault_.slow : 1);
    tick["baseline"] = Arm(baseline, rate, 1);
    if (quiet && random_.Chance(.7)) tick["canary"]["in_flight"] = random_.Below(5);
    if (tick_ >= down_from_ && random_.Chance(.6)) tick["canary"]["up"] = false;
    if (random_.Chance(.02)) tick["baseline"]["up"] = false;
    if (memory_ && random_.Chance(.95)) {
      noise_ = .8 * noise_ + .02 * random_.Normal();
      const double grown = faulty ? fault_.leak * (t_s_ - fault_.from_s) / scale_ / 60 : 0;
      tick["gauges"]["memory"] = noise_ + grown;
    }
    if (cpu_ && random_.Chance(.9)) tick["gauges"]["cpu"] = .05 * random_.Normal();
    if (random_.Chance(.05)) tick["gauges"]["unknown"] = 1;
    if (fuse_ && random_.Chance(.05)) tick["stopped_at"] = t_s_ - tick_s_ * random_.Uniform();
    return {{"tick", tick}};
  }

  // A line that both must refuse.
  std::string BadLine() {
    Stream copy = *this;
    json bad = copy.Tick(.1);
    json& tick = bad["tick"];
    switch (random_.Below(12)) {
      case 0:
        tick["t_s"] = t_s_;
        break;
      case 1:
        tick["t_s"] = -1;
        break;
      case 2:
        tick["canary"]["errors"] = tick["canary"]["requests"].get<double>() + 1;
        break;
      case 3:
        tick["baseline"]["requests"] = -1;
        break;
      case 4:
        tick.erase("canary");
        break;
      case 5:
        tick["canary"].erase("requests");
        break;
      case 6:
        tick["canary"]["requests"] = "many";
        break;
      case 7:
        tick["canary"]["requests"] = true;
        break;
      case 8:
        tick["gauges"]["memory"] = nullptr;
        break;
      case 9:
        tick["deployment"] = "nobody";
        break;
      case 10:
        return R"({"start":{"deployment":")" + name_ + R"("}})";
      default:
        return bad.dump().substr(0, 40);
    }
    return bad.dump();
  }

  [[nodiscard]] bool done() const { return tick_ >= ticks_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  Random& random() { return random_; }

 private:
  // Shorter ticks and more of them, most of them with honest shares.
  void PlanSwift() {
    tick_s_ = Pick({.5, 1, 1, 2, 5, 10}) * scale_;
    ticks_ = 150 + static_cast<int>(random_.Below(350));
    fault_.from_s = random_.Uniform() * tick_s_ * ticks_;
    planned_ = random_.Chance(.6);
    fuse_ = planned_ && random_.Chance(.5);
    if (random_.Chance(.7)) silent_from_ = 1000;
  }

  void StartSwift(json* start) {
    (*start)["pace"] = "swift";
    if (planned_) (*start)["planned_shares"] = true;
    if (fuse_) (*start)["fuse"] = true;
    if (random_.Chance(.3)) (*start)["lag_s"] = 3 * random_.Uniform() * scale_;
  }

  double Pick(std::initializer_list<double> values) {
    return values.begin()[random_.Below(values.size())];
  }

  json History() {
    json history = json::object();
    const auto maybe = [&](const char* key, double chance, json value) {
      if (random_.Chance(chance)) history[key] = std::move(value);
    };
    maybe("error_rate", .9, random_.Chance(.05) ? 0 : error_rate_ * std::exp(random_.Normal()));
    maybe("error_s2", .4, .05 * random_.Uniform());
    if (random_.Chance(.4)) {
      history["latency_s2"] = {.01 * random_.Uniform(), 0, .02 * random_.Uniform()};
      if (pace_ == Pace::kSwift && random_.Chance(.7)) history["latency_s2"].push_back(.01);
    }
    maybe("t99_s", .5, tick_s_ * random_.Uniform());
    for (std::uint64_t i = 0; i < routes_; ++i) {
      json route{{"share", random_.Uniform() / 2}};
      if (random_.Chance(.8)) route["error_rate"] = error_rate_ * (1 + random_.Uniform());
      history["routes"].push_back(route);
    }
    if (cpu_) history["gauges"].push_back({{"name", "cpu"}, {"phi", -.2}, {"sigma", .05}});
    if (memory_) history["gauges"].push_back({{"name", "memory"}, {"phi", .8}, {"sigma", .02}});
    return history;
  }

  json Arm(std::int64_t requests, double rate, double slow) {
    json arm{{"requests", requests}, {"errors", random_.Binomial(requests, std::min(1.0, rate))}};
    std::int64_t left = requests;
    if (random_.Chance(.97)) {
      arm["slower"] = json::array();
      const std::uint64_t all = pace_ == Pace::kSwift ? 4 : 3;
      const std::uint64_t edges = random_.Chance(.97) ? all : all - 1;
      for (std::uint64_t i = 0; i < edges; ++i) {
        left = random_.Binomial(left, std::min(1.0, slow * std::array{.5, .2, .1, .1}[i]));
        arm["slower"].push_back(left);
      }
    }
    const std::uint64_t routes = random_.Chance(.95) ? routes_ : routes_ + 1;
    for (std::uint64_t i = 0; i < routes && random_.Chance(.99); ++i) {
      const std::int64_t part = random_.Binomial(requests, .3);
      arm["routes"].push_back(
          {{"requests", part}, {"errors", random_.Binomial(part, std::min(1.0, rate))}});
    }
    return arm;
  }

  std::string name_;
  Random random_;
  Pace pace_;
  bool planned_ = false, fuse_ = false;
  double scale_ = 1, tick_s_ = 10, rps_ = 100, error_rate_ = .001, t_s_ = 0, noise_ = 0;
  int criticality_ = 3;
  int ticks_ = 100;
  int tick_ = 0;
  std::uint64_t routes_ = 0;
  bool memory_ = false, cpu_ = false;
  int silent_from_ = 0, down_from_ = 0;
  Fault fault_;
};

struct Spoken {
  std::vector<std::string> lines;
  std::vector<std::string> answers;
};

// Feeds DecideStream; each tick depends on the weight that was answered.
class Speaker {
 public:
  // The answer's weight, where it has one.
  std::optional<double> Say(const std::string& line) {
    spoken.lines.push_back(line);
    const std::optional<std::string> answer = stream_.Handle(line);
    if (!answer) return std::nullopt;
    spoken.answers.push_back(*answer);
    const json parsed = json::parse(*answer);
    return parsed.contains("weight") ? std::optional(parsed["weight"].get<double>()) : std::nullopt;
  }
  Spoken spoken;

 private:
  DecideStream stream_;
};

struct Plan {
  int rollouts = 150;
  int at_once = 10;
  std::uint64_t seed = 1;
  Pace pace = Pace::kClassic;
};
inline Spoken SpeakAll(const Plan& plan) {
  struct Running {
    Stream stream;
    double weight = 0;
  };
  Speaker speaker;
  Random random(plan.seed);
  std::vector<Running> running;
  int started = 0;
  while (started < plan.rollouts || !running.empty()) {
    if (started < plan.rollouts && static_cast<int>(running.size()) < plan.at_once) {
      // Names come again, after a stop.
      Stream stream("d" + std::to_string(started), random.Bits(), plan.pace);
      ++started;
      const double weight = speaker.Say(stream.Start().dump()).value_or(0);
      running.push_back({std::move(stream), weight});
      continue;
    }
    const std::size_t i = random.Below(running.size());
    Running& one = running[i];
    if (random.Chance(.01)) speaker.Say(one.stream.BadLine());
    one.weight = speaker.Say(one.stream.Tick(one.weight).dump()).value_or(one.weight);
    if (!one.stream.done()) continue;
    speaker.Say(json{{"stop", {{"deployment", one.stream.name()}}}}.dump());
    running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return std::move(speaker.spoken);
}

inline std::vector<std::string> AskReference(const std::string& program,
                                             const std::vector<std::string>& lines) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("auspex-differential-" + std::to_string(::getpid()) + ".jsonl");
  {
    std::ofstream file(path);
    for (const std::string& line : lines) file << line << '\n';
  }
  const std::string command =
      "python3 -B tests/reference/" + program + " < '" + path.string() + "'";
  std::vector<std::string> answers;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe != nullptr) {
    char* line = nullptr;
    std::size_t size = 0;
    while (::getline(&line, &size, pipe) > 0) answers.emplace_back(line);
    std::free(line);
    EXPECT_EQ(::pclose(pipe), 0);
  }
  std::filesystem::remove(path);
  return answers;
}

inline bool Near(const json& want, const json& got) {
  if (!want.is_number() || !got.is_number()) return want == got;
  const double a = want.get<double>(), b = got.get<double>();
  return std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(a));
}

// Empty, or what differs.
inline std::string Difference(const json& want, const json& got) {
  if (want.contains("error") || got.contains("error")) {
    return want.contains("error") == got.contains("error") && want["line"] == got["line"]
               ? ""
               : "only one refuses it";
  }
  for (const auto& [key, value] : want.items()) {
    if (key == "reason") continue;  // sentences are ours
    if (!got.contains(key) || !Near(value, got[key])) return key;
  }
  for (const auto& [key, value] : got.items()) {
    if (!want.contains(key) && key != "by") return key;
  }
  return "";
}

// Both answer the same; how often each kind of answer came.
inline std::map<std::string, int> CompareWith(const std::string& program, const Plan& plan) {
  const Spoken spoken = SpeakAll(plan);
  const std::vector<std::string> reference = AskReference(program, spoken.lines);
  EXPECT_EQ(reference.size(), spoken.answers.size());
  std::map<std::string, int> seen;
  std::map<std::string, bool> broken;  // one difference a deployment is enough
  for (std::size_t i = 0; i < std::min(reference.size(), spoken.answers.size()); ++i) {
    const json want = json::parse(reference[i]), got = json::parse(spoken.answers[i]);
    const std::string difference = Difference(want, got);
    const std::string name = got.value("deployment", "error");
    if (!difference.empty() && !std::exchange(broken[name], true)) {
      ADD_FAILURE() << "answer " << i << " differs in " << difference << "\nwant " << want
                    << "\ngot  " << got;
    }
    ++seen[got.contains("error") ? "error" : got["decision"].get<std::string>()];
    if (got.contains("verdict") && !got["verdict"].is_null()) {
      ++seen[got["verdict"].get<std::string>() + " by " + got.value("by", "")];
    }
  }
  return seen;
}

}  // namespace auspex::rollout::testing
