#include "auspex/api/webhooks.h"

#include <gtest/gtest.h>

#include <string>

#include "auspex/api/routes.h"

namespace auspex::api {
namespace {

HttpCall Call(const std::string& body, const std::string& header, const std::string& value) {
  HttpCall call;
  call.method = "POST";
  call.path = "/in";
  call.body = body;
  if (!header.empty()) call.headers.emplace(header, value);
  return call;
}

const WebhookSecrets kSecrets{.github = Secret("It's a Secret to Everybody"),
                              .gitlab = Secret("another")};
// The example of docs.github.com, "Validating webhook deliveries", section "Testing".
constexpr const char* kBody = "Hello, World!";
constexpr const char* kSignature =
    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

ErrorCode Refused(const HttpCall& call, const WebhookSecrets& secrets = kSecrets) {
  const Status checked = CheckWebhook(call, secrets);
  EXPECT_FALSE(checked.ok());
  return checked.ok() ? ErrorCode::kInternal : checked.error().code;
}

TEST(Webhooks, TakesTheSignatureOfTheBody) {
  EXPECT_TRUE(CheckWebhook(Call(kBody, "x-hub-signature-256", kSignature), kSecrets).ok());
  EXPECT_EQ(Refused(Call("Hello, World", "X-Hub-Signature-256", kSignature)),
            ErrorCode::kPermissionDenied);
  for (const char* wrong : {"", "sha256=",
                            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379"
                            "c8b043e17"})
    EXPECT_EQ(Refused(Call(kBody, "X-Hub-Signature-256", wrong)), ErrorCode::kPermissionDenied);
}

TEST(Webhooks, TakesTheSecretThatComesAlong) {
  EXPECT_TRUE(CheckWebhook(Call(kBody, "X-Gitlab-Token", "another"), kSecrets).ok());
  EXPECT_EQ(Refused(Call(kBody, "X-Gitlab-Token", "anothe")), ErrorCode::kPermissionDenied);
}

TEST(Webhooks, WithoutASecretNobodyIsTaken) {
  EXPECT_EQ(Refused(Call(kBody, "X-Hub-Signature-256", kSignature), {}), ErrorCode::kNoData);
  EXPECT_EQ(Refused(Call(kBody, "X-Gitlab-Token", ""), {}), ErrorCode::kNoData);
  EXPECT_EQ(Refused(Call(kBody, "", "")), ErrorCode::kNotFound);
}

TEST(Webhooks, OpenTheirRouteAndNoOther) {
  Routes routes;
  const auto answer = [](const HttpCall&) {
    HttpReply reply;
    reply.status = 204;
    return reply;
  };
  routes.Add({.method = "POST",
              .pattern = "/in",
              .role = Role::kOperator,
              .vouch = [](const HttpCall& call) { return CheckWebhook(call, kSecrets); },
              .handler = answer});
  routes.Add({.method = "POST", .pattern = "/out", .role = Role::kOperator, .handler = answer});
  HttpCall call = Call(kBody, "X-Hub-Signature-256", kSignature);
  EXPECT_EQ(routes.Answer(call).status, 204);
  call.path = "/out";
  EXPECT_EQ(routes.Answer(call).status, 401);
  call = Call(kBody, "X-Hub-Signature-256", "sha256=00");
  EXPECT_EQ(routes.Answer(call).status, 401);
  EXPECT_NE(routes.Answer(call).body.find("not the signature"), std::string::npos);
  // Also where nobody is asked for a token, and all are admins.
  call.caller = {.name = "", .role = Role::kAdmin, .token = {}};
  EXPECT_EQ(routes.Answer(call).status, 401);
  call.headers.clear();
  EXPECT_EQ(routes.Answer(call).status, 204);
  // Whoever has a token is judged by it.
  call = Call(kBody, "X-Hub-Signature-256", kSignature);
  call.caller = {.name = "eve", .role = Role::kViewer, .token = {}};
  EXPECT_EQ(routes.Answer(call).status, 403);
}

}  // namespace
}  // namespace auspex::api
