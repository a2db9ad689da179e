#include "auspex/rollout/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "auspex/base/random.h"
#include "auspex/rollout/json_codec.h"
#include "auspex/rollout/json_writer.h"
#include "auspex/rollout/replay.h"
#include "tests/rollout/simulation.h"

namespace auspex::rollout {
namespace {

using testing::Bp;
using ::testing::HasSubstr;

bool SameBits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

// Any positive double, of any size up to 2^49, which is nearly the most that is read.
double AnyPositive(Random* random) {
  return std::ldexp(1 + random->Uniform(), static_cast<int>(random->Below(249)) - 200);
}

std::string AnyText(Random* random) {
  static constexpr const char* kPieces[] = {"a", "\"", "\\", "\n", "/cart", "é", "🚀", " ", "{"};
  std::string text;
  for (std::uint64_t i = random->Below(6); i > 0; --i) text += kPieces[random->Below(9)];
  return text;
}

evidence::History AnyHistory(Random* random) {
  evidence::History history;
  history.error_rate = random->Uniform();
  history.error_s2 = AnyPositive(random);
  for (double& s2 : history.latency_s2) s2 = random->Uniform();
  for (std::uint64_t i = random->Below(4); i > 0; --i) {
    history.routes.push_back({.share = random->Uniform(), .error_rate = random->Uniform()});
  }
  for (std::uint64_t i = random->Below(3); i > 0; --i) {
    evidence::History::Gauge gauge;
    gauge.name = AnyText(random);
    gauge.level = random->Chance(.5);
    gauge.learn = random->Chance(.3);
    if (!gauge.learn) {
      gauge.noise.phi = 1.9 * (random->Uniform() - .5);
      gauge.noise.sigma = 1e-9 + random->Uniform();
    }
    history.gauges.push_back(gauge);
  }
  return history;
}

RolloutSpec AnySpec(Random* random) {
  RolloutSpec spec;
  spec.deployment = AnyText(random);
  spec.service = AnyText(random);
  spec.criticality = 1 + static_cast<int>(random->Below(4));
  spec.mode = static_cast<Mode>(random->Below(3));
  spec.policy = static_cast<Policy>(random->Below(3));
  spec.at_deadline = static_cast<AtDeadline>(random->Below(3));
  spec.alpha = 1e-9 + .4 * random->Uniform();
  spec.risk = random->Uniform();
  spec.time_scale = std::exp(6 * random->Uniform() - 3);
  spec.tick_s = .001 + 100 * random->Uniform();
  spec.requests_per_s = AnyPositive(random);
  spec.warm_up_s = AnyPositive(random);
  spec.bake_s = AnyPositive(random);
  spec.deadline_s = AnyPositive(random);
  spec.rollback_below = random->Uniform();
  spec.detect = 1 + AnyPositive(random);
  spec.error_rate = random->Uniform();
  spec.history = AnyHistory(random);
  for (std::size_t i = 0; i < spec.history.routes.size(); ++i) {
    spec.route_names.push_back(AnyText(random));
  }
  int bp = 0;
  for (std::uint64_t i = random->Below(4); i > 0 || (spec.policy == Policy::kSteps && bp == 0);
       i -= i > 0) {
    bp += 1 + static_cast<int>(random->Below(2000));
    spec.steps.push_back({.weight = Bp(bp), .for_s = .001 + random->Exponential(100)});
  }
  if (random->Chance(.5)) {
    spec.approval = Approval{.above_risk = random->Uniform(),
                             .timeout_s = 1 + random->Exponential(1e4),
                             .at_timeout = static_cast<AtTimeout>(random->Below(2))};
  }
  for (std::uint64_t i = random->Below(3); i > 0; --i) {
    spec.learned.push_back(AnyText(random));
    spec.assumed.push_back(
        {.text = AnyText(random), .gauge = random->Chance(.5) ? "" : AnyText(random)});
  }
  if (random->Chance(.5)) {
    spec.pace = Pace::kSwift;
    spec.lag_s = random->Chance(.5) ? 0 : AnyPositive(random);
    spec.planned_shares = random->Chance(.5);
    spec.fuse = random->Chance(.5);
  } else {
    spec.history.latency_s2[3] = 0;  // the classic pace has no t99.9
  }
  spec.t99_s = AnyPositive(random);
  spec.observe = random->Chance(.5);
  spec.await_canary = random->Chance(.5);
  spec.canary_up = random->Chance(.5);
  if (random->Chance(.5)) {
    telemetry::Edges edges;
    for (std::int64_t& us : edges.slower_us) {
      us = 1 + static_cast<std::int64_t>(random->Below(1'000'000'000'000));
    }
    edges.harm_us = edges.slower_us[2];
    spec.edges = edges;
  }
  return spec;
}

telemetry::ArmWindow AnyArm(Random* random) {
  telemetry::ArmWindow arm;
  arm.requests = random->Chance(.2) ? 0 : AnyPositive(random);
  arm.errors = arm.requests * random->Uniform();
  for (std::uint64_t i = random->Below(5); i > 0; --i) {
    arm.slower.push_back(arm.requests * random->Uniform());
  }
  for (std::uint64_t i = random->Below(3); i > 0; --i) {
    const double requests = AnyPositive(random);
    arm.routes.push_back({.requests = requests, .errors = requests * random->Uniform()});
  }
  for (std::uint64_t i = random->Below(3); i > 0; --i) {
    const double requests = AnyPositive(random);
    arm.instances.push_back({.requests = requests, .errors = requests * random->Uniform()});
  }
  arm.up = random->Chance(.7);
  arm.in_flight = random->Chance(.5) ? 0 : AnyPositive(random);
  arm.harmed = arm.requests * random->Uniform();
  return arm;
}

Inputs AnyInputs(Random* random) {
  Inputs inputs;
  inputs.window.t_s = AnyPositive(random);
  inputs.window.canary = AnyArm(random);
  inputs.window.baseline = AnyArm(random);
  for (std::uint64_t i = random->Below(3); i > 0; --i) {
    inputs.window.gauges[AnyText(random)] = random->Normal();
  }
  for (std::uint64_t i = random->Below(3); i > 0; --i) {
    inputs.window.baseline_values[AnyText(random)] = random->Normal();
  }
  if (random->Chance(.5)) inputs.weight_given = Bp(static_cast<int>(random->Below(10001)));
  inputs.hold = AnyText(random);
  inputs.health_known = random->Chance(.7);
  inputs.ends_known = random->Chance(.7);
  inputs.covers_s = random->Chance(.7) ? 0.0 : AnyPositive(random);
  inputs.stopped_at_s = random->Chance(.7) ? 0.0 : inputs.window.t_s * random->Uniform();
  for (std::uint64_t i = random->Below(3); i > 0; --i) {
    inputs.orders.push_back({.kind = static_cast<Order::Kind>(random->Below(7)),
                             .weight = Bp(static_cast<int>(random->Below(10001))),
                             .actor = AnyText(random),
                             .reason = AnyText(random)});
  }
  if (random->Chance(.5)) {
    telemetry::Window::Observation observed;
    for (int i = 0; i < 20; ++i) {
      observed.latency_us.Add(random->Exponential(1e5),
                              1 + static_cast<std::int64_t>(random->Below(9)));
    }
    observed.routes[AnyText(random)] = {.requests = 7, .errors = 3};
    inputs.window.observed = observed;
  }
  return inputs;
}

void CheckSameArm(const telemetry::ArmWindow& a, const telemetry::ArmWindow& b) {
  RC_ASSERT(SameBits(a.requests, b.requests) && SameBits(a.errors, b.errors));
  RC_ASSERT(SameBits(a.in_flight, b.in_flight) && SameBits(a.harmed, b.harmed));
  RC_ASSERT(a.slower == b.slower);
  RC_ASSERT(a.up == b.up);
  RC_ASSERT(a.instances.size() == b.instances.size());
  for (std::size_t i = 0; i < a.instances.size(); ++i) {
    RC_ASSERT(SameBits(a.instances[i].requests, b.instances[i].requests));
    RC_ASSERT(SameBits(a.instances[i].errors, b.instances[i].errors));
  }
  RC_ASSERT(a.routes.size() == b.routes.size());
  for (std::size_t i = 0; i < a.routes.size(); ++i) {
    RC_ASSERT(SameBits(a.routes[i].requests, b.routes[i].requests));
    RC_ASSERT(SameBits(a.routes[i].errors, b.routes[i].errors));
  }
}

void CheckSameHistory(const evidence::History& a, const evidence::History& b) {
  RC_ASSERT(SameBits(a.error_rate, b.error_rate) && SameBits(a.error_s2, b.error_s2));
  RC_ASSERT(a.latency_s2 == b.latency_s2);
  RC_ASSERT(a.routes == b.routes);
  RC_ASSERT(a.gauges.size() == b.gauges.size());
  for (std::size_t i = 0; i < a.gauges.size(); ++i) {
    RC_ASSERT(a.gauges[i].name == b.gauges[i].name);
    RC_ASSERT(a.gauges[i].level == b.gauges[i].level && a.gauges[i].learn == b.gauges[i].learn);
    RC_ASSERT(SameBits(a.gauges[i].noise.phi, b.gauges[i].noise.phi));
    RC_ASSERT(SameBits(a.gauges[i].noise.sigma, b.gauges[i].noise.sigma));
  }
}

RC_GTEST_PROP(Codec, ASpecSurvives, (std::uint64_t seed)) {
  Random random(seed);
  const RolloutSpec spec = AnySpec(&random);
  const Result<RolloutSpec> read = SpecFromJson(ToJson(spec));
  RC_ASSERT(read.ok());
  RC_ASSERT(ToJson(*read) == ToJson(spec));
  RC_ASSERT(read->deployment == spec.deployment && read->service == spec.service);
  RC_ASSERT(read->criticality == spec.criticality && read->mode == spec.mode);
  RC_ASSERT(read->pace == spec.pace && SameBits(read->lag_s, spec.lag_s));
  RC_ASSERT(read->planned_shares == spec.planned_shares && read->fuse == spec.fuse);
  RC_ASSERT(read->policy == spec.policy && read->at_deadline == spec.at_deadline);
  RC_ASSERT(read->observe == spec.observe && read->edges == spec.edges);
  RC_ASSERT(read->await_canary == spec.await_canary && read->canary_up == spec.canary_up);
  RC_ASSERT(read->route_names == spec.route_names);
  RC_ASSERT(read->learned == spec.learned && read->assumed == spec.assumed);
  RC_ASSERT(read->steps == spec.steps && read->approval == spec.approval);
  for (const auto field :
       {&RolloutSpec::alpha, &RolloutSpec::risk, &RolloutSpec::time_scale, &RolloutSpec::tick_s,
        &RolloutSpec::requests_per_s, &RolloutSpec::warm_up_s, &RolloutSpec::bake_s,
        &RolloutSpec::deadline_s, &RolloutSpec::rollback_below, &RolloutSpec::detect,
        &RolloutSpec::error_rate, &RolloutSpec::t99_s}) {
    RC_ASSERT(SameBits((*read).*field, spec.*field));
  }
  CheckSameHistory(read->history, spec.history);
}

// Replay compares what is written now with what was stored, byte for byte.
RC_GTEST_PROP(Codec, WritesWhatTheLibraryWould, (std::uint64_t seed)) {
  Random random(seed);
  const auto again = [](const std::string& text) {
    return Json::parse(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  const Inputs inputs = AnyInputs(&random);
  RC_ASSERT(ToJson(inputs) == again(ToJson(inputs)));
  Decision decision;
  decision.t_s = AnyPositive(&random);
  decision.weight = Bp(static_cast<int>(random.Below(10001)));
  decision.confidence = random.Uniform();
  decision.log_e = random.Normal();
  decision.reason = AnyText(&random);
  decision.by = AnyText(&random);
  if (random.Chance(.3)) decision.fuse = static_cast<double>(random.Below(100));
  if (random.Chance(.5)) decision.requests_needed = std::floor(AnyPositive(&random));
  if (random.Chance(.5)) decision.verdict = Verdict::kFail;
  const std::string tick = TickJson(inputs, decision, "d\"1\xff");
  RC_ASSERT(tick == again(tick));
  for (const Order& order : inputs.orders) RC_ASSERT(ToJson(order) == again(ToJson(order)));
}

TEST(JsonWriter, WritesNumbersAsTheLibraryDoes) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const double number : {0.0,
                              -0.0,
                              1.0,
                              -1.0,
                              .1,
                              -.1,
                              1e-5,
                              1e-4,
                              12.5,
                              123456789.0,
                              999999999999999.0,
                              1e15,
                              -1e15,
                              1e15 - .5,
                              1e16,
                              4503599627370497.5,
                              1e22,
                              1e300,
                              5e-324,
                              1.0 / 3,
                              inf,
                              -inf,
                              inf - inf})
    EXPECT_EQ(JsonWriter().Number(number).Take(), Json(number).dump());
}

TEST(JsonWriter, WritesTextsAsTheLibraryDoes) {
  for (const std::string text : {"", "plain", "\"quoted\"", "back\\slash", "line\nend\ttab",
                                 "\x01\x1f\x7f", "grün", "\xff\xc3"})
    EXPECT_EQ(JsonWriter().Text(text).Take(),
              Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
}

TEST(JsonWriter, PutsCommasBetweenValuesAlone) {
  JsonWriter out;
  out.Open('{').Key("a").Open('[').Close(']').Key("b").Open('[').Whole(-1).Null().Flag(true);
  out.Open('{').Close('}').Close(']').Key("c").Raw("{}").Close('}');
  EXPECT_EQ(out.Take(), R"({"a":[],"b":[-1,null,true,{}],"c":{}})");
}

RC_GTEST_PROP(Codec, InputsSurvive, (std::uint64_t seed)) {
  Random random(seed);
  const Inputs inputs = AnyInputs(&random);
  const Result<Inputs> read = InputsFromJson(ToJson(inputs));
  RC_ASSERT(read.ok());
  RC_ASSERT(ToJson(*read) == ToJson(inputs));
  RC_ASSERT(SameBits(read->window.t_s, inputs.window.t_s));
  CheckSameArm(read->window.canary, inputs.window.canary);
  CheckSameArm(read->window.baseline, inputs.window.baseline);
  RC_ASSERT(read->window.gauges == inputs.window.gauges);
  RC_ASSERT(read->window.baseline_values == inputs.window.baseline_values);
  RC_ASSERT(read->weight_given == inputs.weight_given);
  RC_ASSERT(read->hold == inputs.hold);
  RC_ASSERT(read->health_known == inputs.health_known);
  RC_ASSERT(read->ends_known == inputs.ends_known);
  RC_ASSERT(SameBits(read->covers_s, inputs.covers_s));
  RC_ASSERT(SameBits(read->stopped_at_s, inputs.stopped_at_s));
  RC_ASSERT(read->orders.size() == inputs.orders.size());
  for (std::size_t i = 0; i < inputs.orders.size(); ++i) {
    RC_ASSERT(read->orders[i].kind == inputs.orders[i].kind);
    RC_ASSERT(read->orders[i].weight == inputs.orders[i].weight);
    RC_ASSERT(read->orders[i].actor == inputs.orders[i].actor);
    RC_ASSERT(read->orders[i].reason == inputs.orders[i].reason);
  }
  RC_ASSERT(read->window.observed.has_value() == inputs.window.observed.has_value());
  if (inputs.window.observed) {
    RC_ASSERT(read->window.observed->latency_us == inputs.window.observed->latency_us);
    RC_ASSERT(read->window.observed->routes == inputs.window.observed->routes);
  }
}

RC_GTEST_PROP(Codec, ADecisionsNumbersSurvive, (std::uint64_t seed)) {
  Random random(seed);
  Decision decision{.t_s = AnyPositive(&random),
                    .action = static_cast<Action>(random.Below(5)),
                    .weight = Bp(static_cast<int>(random.Below(10001))),
                    .confidence = random.Uniform(),
                    .log_e = random.Normal() * 100,
                    .p_fail = random.Uniform(),
                    .requests_needed = {},
                    .verdict = {},
                    .reason = AnyText(&random),
                    .by = random.Chance(.5) ? "evidence" : ""};
  if (random.Chance(.5)) decision.requests_needed = std::floor(random.Uniform() * 1e12);
  if (random.Chance(.5)) decision.verdict = static_cast<Verdict>(random.Below(3));
  const std::string line = ToJson(decision, "d/1");
  RC_ASSERT(line.find('\n') == std::string::npos);
  const nlohmann::json json = nlohmann::json::parse(line);
  RC_ASSERT(json["deployment"] == "d/1");
  RC_ASSERT(json["decision"] == Name(decision.action));
  RC_ASSERT(json["reason"] == decision.reason);
  for (const auto& [key, value] : {std::pair("t_s", decision.t_s),
                                   {"log_e", decision.log_e},
                                   {"p_fail", decision.p_fail},
                                   {"confidence", decision.confidence},
                                   {"weight", decision.weight.share()}}) {
    RC_ASSERT(SameBits(json[key].get<double>(), value));
  }
  RC_ASSERT(json["verdict"].is_null() == !decision.verdict.has_value());
  RC_ASSERT(json["requests_needed"].is_null() == !decision.requests_needed.has_value());
  if (decision.requests_needed) {
    RC_ASSERT(json["requests_needed"].is_number_integer());
    RC_ASSERT(SameBits(json["requests_needed"].get<double>(), *decision.requests_needed));
  }
  RC_ASSERT(json.contains("by") == !decision.by.empty());
}

TEST(Codec, DefaultsAreThoseOfTheFormat) {
  const Result<RolloutSpec> spec = SpecFromJson(R"({"deployment":"d","criticality":1})");
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->tick_s, 2);
  EXPECT_EQ(spec->mode, Mode::kBalanced);
  EXPECT_EQ(spec->history.error_rate, .001);
  EXPECT_EQ(spec->bake_s, 2700);
  const Result<RolloutSpec> scaled = SpecFromJson(R"({"deployment":"d","time_scale":0.5})");
  ASSERT_TRUE(scaled.ok());
  EXPECT_EQ(scaled->tick_s, 5);
  EXPECT_EQ(scaled->warm_up_s, 120);
}

// decisions/0021: by feed and tick, and only where the policy has a pace at all.
TEST(Codec, ThePaceFollowsFromFeedTickAndPolicy) {
  const std::pair<const char*, Pace> cases[] = {
      {R"({"feed":"per_request","tick_s":1})", Pace::kSwift},
      {R"({"feed":"per_request","tick_s":2})", Pace::kSwift},
      {R"({"feed":"per_request","tick_s":1,"policy":"adaptive"})", Pace::kSwift},
      {R"({"feed":"per_request","tick_s":2.5})", Pace::kClassic},
      {R"({"feed":"per_request"})", Pace::kClassic},  // 10 s
      {R"({"feed":"per_request","tick_s":1,"time_scale":0.1})", Pace::kClassic},
      {R"({"feed":"per_request","tick_s":1,"policy":"rule"})", Pace::kClassic},
      {R"({"feed":"per_request","tick_s":1,"policy":"steps","steps":[{"weight":0.1,"for_s":60}]})",
       Pace::kClassic},
      {R"({"feed":"scraped","tick_s":1})", Pace::kClassic},
      {R"({"tick_s":1})", Pace::kClassic},
      {R"({"feed":"per_request","tick_s":1,"pace":"classic"})", Pace::kClassic},
      {R"({"tick_s":10,"pace":"swift"})", Pace::kSwift},
  };
  for (const auto& [text, pace] : cases) {
    const Result<RolloutSpec> read = SpecFromJson(text);
    ASSERT_TRUE(read.ok()) << text << ": " << read.error().message;
    EXPECT_EQ(read->pace, pace) << text;
  }
}

TEST(Codec, ErrorsOfASpecNameTheKey) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"criticality":0})", "criticality"},
      {R"({"criticality":2.5})", "criticality"},
      {R"({"mode":"slow"})", "mode: one of fast, balanced, careful"},
      {R"({"mode":3})", "mode"},
      {R"({"policy":"steps"})", "policy"},
      {R"({"pace":"brisk"})", "pace"},
      {R"({"feed":"sometimes"})", "feed"},
      {R"({"lag_s":-1})", "lag_s"},
      {R"({"planned_shares":1})", "planned_shares"},
      {R"({"history":{"latency_s2":[1,2,3,4]}})", "latency_s2"},
      {R"({"pace":"swift","history":{"edges_us":[1,2,3]}})", "edges_us"},
      {R"({"alpha":0})", "alpha: a number from 1e-09 to 0.5, not 0"},
      {R"({"alpha":"x"})", "alpha"},
      {R"({"risk":1.5})", "risk"},
      {R"({"risk":true})", "risk"},
      {R"({"time_scale":0})", "time_scale"},
      {R"({"tick_s":-1})", "tick_s"},
      {R"({"requests_per_s":-1})", "requests_per_s"},
      {R"({"rollback_below":2})", "rollback_below"},
      {R"({"at_deadline":"wait"})", "at_deadline"},
      {R"({"limits":7})", "limits: an object"},
      {R"({"limits":{"bake_s":-1}})", "bake_s"},
      {R"({"observe":1})", "observe: true or false"},
      {R"({"service":5})", "service: a text"},
      {R"({"history":[]})", "history: an object"},
      {R"({"history":{"error_rate":2}})", "error_rate"},
      {R"({"history":{"latency_s2":[1,2]}})", "latency_s2"},
      {R"({"history":{"latency_s2":[1,2,-3]}})", "latency_s2"},
      {R"({"history":{"routes":{}}})", "routes: a list"},
      {R"({"history":{"routes":[5]}})", "routes"},
      {R"({"history":{"routes":[{"share":2}]}})", "share"},
      {R"({"history":{"gauges":[{"phi":0.5,"sigma":1}]}})", "gauges"},
      {R"({"history":{"gauges":[{"name":"m","phi":1,"sigma":1}]}})", "phi"},
      {R"({"history":{"gauges":[{"name":"m","phi":0.5}]}})", "sigma: missing"},
      {R"({"history":{"edges_us":[1,2]}})", "edges_us"},
      {"[]", "start"},
      {"{", "not JSON"},
  };
  for (const auto& [text, key] : cases) {
    const Result<RolloutSpec> read = SpecFromJson(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(read.error().message, HasSubstr(key)) << text;
  }
}

TEST(Codec, ErrorsOfInputsNameTheKey) {
  const std::string arms = R"("canary":{"requests":1},"baseline":{"requests":1})";
  const std::pair<std::string, const char*> cases[] = {
      {"{" + arms + "}", "t_s: missing"},
      {R"({"t_s":1,"baseline":{"requests":1}})", "canary: missing"},
      {R"({"t_s":1,"canary":{},"baseline":{"requests":1}})", "requests: missing"},
      {R"({"t_s":1,"canary":{"requests":1,"errors":2},"baseline":{"requests":1}})", "errors"},
      {R"({"t_s":1,"canary":{"requests":1,"slower":[2]},"baseline":{"requests":1}})", "slower"},
      {R"({"t_s":1,"canary":{"requests":-1},"baseline":{"requests":1}})", "requests"},
      {R"({"t_s":1,"canary":{"requests":1,"up":1},"baseline":{"requests":1}})", "up"},
      {R"({"t_s":1,"canary":{"requests":1,"routes":[{"requests":1,"errors":2}]},"baseline":{"requests":1}})",
       "errors"},
      {R"({"t_s":1,"gauges":{"memory":null},)" + arms + "}", "memory"},
      {R"({"t_s":1,"weight_given":1.5,)" + arms + "}", "weight_given"},
      {R"({"t_s":1,"hold":5,)" + arms + "}", "hold"},
      {R"({"t_s":1,"orders":[{"order":"stop"}],)" + arms + "}", "order"},
      {R"({"t_s":1,"observed":{"latency_us":[[1]]},)" + arms + "}", "latency_us"},
      {R"({"t_s":1,"observed":{"routes":{"/a":[1]}},)" + arms + "}", "routes"},
      {R"({"t_s":1,"observed":{"latency_us":[[5,1],[4,1]]},)" + arms + "}", "bucket"},
      // 2^32 + 10 is no bucket 10, and a few counts of 2^63 - 1 have no sum.
      {R"({"t_s":1,"observed":{"latency_us":[[4294967306,1]]},)" + arms + "}", "latency_us"},
      {R"({"t_s":1,"observed":{"routes":{"/":[9223372036854775807,0]}},)" + arms + "}",
       "observed.routes"},
      {R"({"t_s":1,"observed":{"routes":{"/":[1,-1]}},)" + arms + "}", "observed.routes"},
  };
  for (const auto& [text, key] : cases) {
    const Result<Inputs> read = InputsFromJson(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(read.error().message, HasSubstr(key)) << text;
  }
}

TEST(Codec, TextThatIsNotUtf8IsWrittenAllTheSame) {
  Inputs inputs;
  inputs.window.t_s = 1;
  inputs.hold = "\xff\xfe";
  EXPECT_TRUE(InputsFromJson(ToJson(inputs)).ok());
}

TEST(Codec, ANameIsThatOfItsRouteWhereOthersHaveNone) {
  const auto spec = SpecFromJson(
      R"({"history":{"routes":[{"share":0.6},{"share":0.3,"name":"pay"},{"share":0.1}]}})");
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->route_names, (std::vector<std::string>{"", "pay"}));
}

}  // namespace
}  // namespace auspex::rollout
