#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "auspex/alert/alertmanager/alertmanager_channel.h"
#include "auspex/alert/webhook/webhook_channel.h"
#include "auspex/base/hmac.h"
#include "tests/alert/alerts.h"
#include "tests/base/scripted_http.h"

namespace auspex::alert {
namespace {

using auspex::testing::Exchange;
using auspex::testing::ScriptedServer;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

// RFC 4231, test cases 1, 2 and 6.
TEST(Hmac, IsThatOfTheRfc) {
  EXPECT_EQ(ToHex(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(ToHex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(ToHex(HmacSha256(std::string(131, '\xaa'),
                             "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// As `printf '1764000000.{}' | openssl dgst -sha256 -hmac s3cret` says.
TEST(Webhook, SignsTimeAndBody) {
  EXPECT_EQ(Signature(Secret("s3cret"), "1764000000", "{}"),
            "v1=6850ae36adb3d514d560e4f72b01d4ed2cd2e5702a042a7728aa7c2d94d2d1cb");
}

std::string HeaderIn(const std::string& head, const std::string& name) {
  const std::size_t at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t start = at + name.size() + 4;
  return head.substr(start, head.find("\r\n", start) - start);
}

TEST(Webhook, WhoKnowsTheSecretCanCheckWhatCame) {
  std::string head, body;
  const ScriptedServer server([&](const Exchange& exchange) {
    head = exchange.head();
    body = exchange.body();
    exchange.Answer("204 No Content", "");
    return true;
  });
  const RealClock clock;
  const Logger log;
  ChannelRegistry registry;
  RegisterWebhookChannel(registry);
  const auto channel = registry.Create(
      "webhook",
      ChannelConfig{
          .channel = "webhook", .keys = {{"url", server.Url("/hook")}}, .secret = Secret("s3cret")},
      ChannelTools{.clock = &clock, .log = &log});
  ASSERT_TRUE(channel.ok()) << channel.error().message;
  const Status sent = (*channel)->Send(RiskAlert(), clock.Now() + 5s);
  ASSERT_TRUE(sent.ok()) << sent.error().message;
  EXPECT_EQ(HeaderIn(head, "Auspex-Signature"),
            Signature(Secret("s3cret"), HeaderIn(head, "Auspex-Timestamp"), body));
  EXPECT_EQ(HeaderIn(head, "Auspex-Delivery"), json::parse(body)["id"]);
  EXPECT_THAT(head, Not(HasSubstr("s3cret")));
}

TEST(Webhook, SaysAllThatAnAlertHas) {
  const json body = json::parse(WebhookBody(RiskAlert()));
  EXPECT_EQ(body["name"], "AuspexRisk");
  EXPECT_EQ(body["severity"], "warning");
  EXPECT_EQ(body["probability"], 0.71);
  EXPECT_EQ(body["at"], "2025-11-24T16:00:00.123Z");
  EXPECT_EQ(body["reasons"][0], "touches 3 migrations");
  Alert unknown = RiskAlert();
  unknown.probability.reset();
  unknown.summary = "\xff";
  EXPECT_TRUE(json::parse(WebhookBody(unknown))["probability"].is_null());
}

TEST(Webhook, ARepeatedSendingHasTheSameIdAndTheEndAnother) {
  Alert alert = RiskAlert();
  const std::string id = DeliveryId(alert);
  EXPECT_EQ(DeliveryId(alert), id);
  alert.resolved = true;
  EXPECT_NE(DeliveryId(alert), id);
}

TEST(Alertmanager, LabelsNameTheAlertAndAnnotationsSayWhatChanges) {
  Alert alert = RiskAlert();
  const json firing = json::parse(AlertmanagerBody(alert, 1h))[0];
  EXPECT_EQ(firing["startsAt"], "2025-11-24T16:00:00.123Z");
  EXPECT_EQ(firing["endsAt"], "2025-11-24T17:00:00.123Z");
  EXPECT_EQ(firing["generatorURL"], alert.link);
  EXPECT_EQ(firing["annotations"]["probability"], "0.710");
  alert.probability = .9;
  alert.summary = "now worse";
  alert.resolved = true;
  const json ended = json::parse(AlertmanagerBody(alert, 1h))[0];
  EXPECT_EQ(ended["labels"], firing["labels"]);
  EXPECT_EQ(ended["endsAt"], "2025-11-24T16:00:00.123Z");
}

}  // namespace
}  // namespace auspex::alert
