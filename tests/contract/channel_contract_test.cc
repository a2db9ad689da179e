#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "auspex/alert/channel.h"
#include "tests/alert/alerts.h"
#include "tests/base/scripted_http.h"

// What every Channel promises, over a fake of its outside world. Another adapter joins with a rig
// in AllChannelRigs.
namespace auspex::alert {
namespace {

using auspex::testing::ClosedPort;
using auspex::testing::Exchange;
using auspex::testing::ScriptedServer;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecret = "hunter2-and-more";

struct ChannelRig {
  std::string name;
  bool outside = true;  // it has an outside world, which may fail
  std::function<ChannelConfig(const std::string& url)> config;
  // Whether what it sent tells of this alert.
  std::function<bool(const std::string& body, const Alert& alert)> tells;
};

bool WebhookTells(const std::string& body, const Alert& alert) {
  const json sent = json::parse(body, nullptr, false);
  return sent.is_object() && sent["key"] == alert.key && sent["summary"] == alert.summary &&
         sent["status"] == (alert.resolved ? "resolved" : "firing") &&
         sent["reasons"].size() == alert.reasons.size();
}

bool AlertmanagerTells(const std::string& body, const Alert& alert) {
  const json sent = json::parse(body, nullptr, false);
  return sent.is_array() && sent[0]["labels"]["alertname"] == alert.name &&
         sent[0]["annotations"]["summary"] == alert.summary &&
         (sent[0]["endsAt"] == ToRfc3339(alert.at)) == alert.resolved;
}

std::vector<ChannelRig> AllChannelRigs() {
  return {{.name = "alertmanager",
           .config =
               [](const std::string& url) {
                 return ChannelConfig{.channel = "alertmanager",
                                      .keys = {{"channel", "alertmanager"}, {"url", url}},
                                      .bearer = Secret(kSecret)};
               },
           .tells = AlertmanagerTells},
          {.name = "log",
           .outside = false,
           .config =
               [](const std::string&) {
                 return ChannelConfig{.channel = "log", .keys = {{"channel", "log"}}};
               },
           .tells = {}},
          {.name = "webhook",
           .config =
               [](const std::string& url) {
                 return ChannelConfig{.channel = "webhook",
                                      .keys = {{"channel", "webhook"}, {"url", url}},
                                      .secret = Secret(kSecret),
                                      .bearer = Secret(kSecret)};
               },
           .tells = WebhookTells}};
}

class ChannelContract : public ::testing::TestWithParam<ChannelRig> {
 protected:
  std::unique_ptr<Channel> Make(const std::string& url) {
    ChannelRegistry registry;
    RegisterChannels(registry);
    auto channel = registry.Create(GetParam().name, GetParam().config(url),
                                   ChannelTools{.clock = &clock_, .log = &log_});
    EXPECT_TRUE(channel.ok()) << channel.error().message;
    return channel.ok() ? *std::move(channel) : nullptr;
  }
  // Against a server that gives one answer.
  Status SendTo(const std::string& status, const std::string& body = "") {
    const ScriptedServer server([&](const Exchange& exchange) {
      {
        const std::lock_guard lock(mutex_);
        bodies_.push_back(exchange.body());
      }
      exchange.Answer(status, body);
      return true;
    });
    return Make(server.Url())->Send(RiskAlert(), clock_.Now() + 5s);
  }

  RealClock clock_;
  std::vector<std::string> lines_;
  Logger log_{LogLevel::kDebug, [this](std::string_view line) { lines_.emplace_back(line); }};
  std::mutex mutex_;
  std::vector<std::string> bodies_;
};

class OutsideChannelContract : public ChannelContract {};

TEST_P(ChannelContract, SendsAnAlertAndItsEnd) {
  std::vector<std::string> bodies;
  std::mutex mutex;
  const ScriptedServer server([&](const Exchange& exchange) {
    const std::lock_guard lock(mutex);
    bodies.push_back(exchange.body());
    exchange.Answer("200 OK", "");
    return true;
  });
  const auto channel = Make(server.Url());
  Alert alert = RiskAlert();
  ASSERT_TRUE(channel->Send(alert, clock_.Now() + 5s).ok());
  Alert ended = alert;
  ended.resolved = true;
  ended.at += std::chrono::minutes(1);
  ASSERT_TRUE(channel->Send(ended, clock_.Now() + 5s).ok());
  if (!GetParam().outside) {
    EXPECT_EQ(lines_.size(), 2u);
    return;
  }
  const std::lock_guard lock(mutex);
  ASSERT_EQ(bodies.size(), 2u);
  EXPECT_TRUE(GetParam().tells(bodies[0], alert)) << bodies[0];
  EXPECT_TRUE(GetParam().tells(bodies[1], ended)) << bodies[1];
}

TEST_P(ChannelContract, TellsWhetherTheOtherSideIsThereAndNobodyAnything) {
  std::atomic<int> posts = 0;
  const ScriptedServer server([&](const Exchange& exchange) {
    if (exchange.head().starts_with("POST")) ++posts;
    exchange.Answer("200 OK", "");
    return false;
  });
  const auto there = Make(server.Url())->Probe(clock_.Now() + 5s);
  EXPECT_TRUE(there.ok()) << there.error().message;
  EXPECT_EQ(posts, 0);
}

TEST_P(OutsideChannelContract, SaysWhichFailuresPass) {
  for (const char* status : {"500 Oh", "502 Oh", "503 Oh", "429 Slow down", "408 Late"})
    EXPECT_EQ(SendTo(status).error().code, ErrorCode::kUnavailable) << status;
  for (const char* status : {"400 No", "404 No", "410 No", "302 There"})
    EXPECT_EQ(SendTo(status).error().code, ErrorCode::kInvalidArgument) << status;
  for (const char* status : {"401 Who", "403 No"})
    EXPECT_EQ(SendTo(status).error().code, ErrorCode::kPermissionDenied) << status;
  EXPECT_THAT(SendTo("400 No", "bad\nlabel").error().message, HasSubstr("answered 400: bad label"));
}

TEST_P(OutsideChannelContract, KeepsItsDeadline) {
  const ScriptedServer server([](const Exchange& exchange) {
    exchange.Hang();
    return false;
  });
  const auto channel = Make(server.Url());
  EXPECT_EQ(channel->Send(RiskAlert(), clock_.Now() + 100ms).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(channel->Send(RiskAlert(), clock_.Now() - 1ms).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(channel->Probe(clock_.Now() + 100ms).ok());
}

TEST_P(OutsideChannelContract, NobodyThereIsUnavailable) {
  const auto channel = Make("http://127.0.0.1:" + std::to_string(ClosedPort()));
  const Status sent = channel->Send(RiskAlert(), clock_.Now() + 2s);
  EXPECT_EQ(sent.error().code, ErrorCode::kUnavailable);
}

TEST_P(OutsideChannelContract, NoSecretStandsInWhatItSays) {
  const std::string path = "/T0/very-private";
  const ScriptedServer server([](const Exchange& exchange) {
    exchange.Answer("500 Oh", "");
    return true;
  });
  const auto channel = Make(server.Url(path));
  const std::string said =
      channel->Describe() + channel->Send(RiskAlert(), clock_.Now() + 2s).error().message;
  EXPECT_THAT(said, Not(HasSubstr(kSecret)));
  EXPECT_THAT(said, Not(HasSubstr("very-private")));
}

TEST_P(ChannelContract, AKeyThatItDoesNotHaveIsRefusedByName) {
  ChannelConfig config = GetParam().config("http://127.0.0.1:1");
  config.keys["urll"] = "x";
  ChannelRegistry registry;
  RegisterChannels(registry);
  const auto made =
      registry.Create(GetParam().name, config, ChannelTools{.clock = &clock_, .log = &log_});
  ASSERT_FALSE(made.ok());
  EXPECT_TRUE(made.error().message.starts_with("urll: ")) << made.error().message;
}

TEST_P(OutsideChannelContract, NeedsAUrl) {
  for (const char* url : {"", "ftp://x", "https://"}) {
    ChannelRegistry registry;
    RegisterChannels(registry);
    const auto made = registry.Create(GetParam().name, GetParam().config(url),
                                      ChannelTools{.clock = &clock_, .log = &log_});
    ASSERT_FALSE(made.ok()) << url;
    EXPECT_TRUE(made.error().message.starts_with("url: ")) << made.error().message;
  }
}

std::vector<ChannelRig> OutsideRigs() {
  std::vector<ChannelRig> rigs = AllChannelRigs();
  std::erase_if(rigs, [](const ChannelRig& rig) { return !rig.outside; });
  return rigs;
}
const auto kRigName = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Every, ChannelContract, ::testing::ValuesIn(AllChannelRigs()), kRigName);
INSTANTIATE_TEST_SUITE_P(Every, OutsideChannelContract, ::testing::ValuesIn(OutsideRigs()),
                         kRigName);

TEST(ChannelContractCoverage, EveryRegisteredChannelHasARig) {
  ChannelRegistry registry;
  RegisterChannels(registry);
  std::vector<std::string> names;
  for (const ChannelRig& rig : AllChannelRigs()) names.push_back(rig.name);
  EXPECT_EQ(registry.Names(), names);
}

}  // namespace
}  // namespace auspex::alert
