#include "auspex/api/access.h"

#include <gtest/gtest.h>

#include <string>

#include "auspex/base/clock.h"

namespace auspex::api {
namespace {

HttpCall Call(const std::string& peer, const std::string& authorization = "") {
  HttpCall call;
  call.method = "GET";
  call.path = "/";
  call.peer = peer;
  if (!authorization.empty()) call.headers.emplace("Authorization", authorization);
  return call;
}

class AccessTest : public ::testing::Test {
 protected:
  Access Make(RateLimits limits = {}) { return {&store_, limits, &clock_}; }
  SimulatedClock clock_{FromMicros(0)};
  TokenStore store_{
      {{.name = "ci", .role = Role::kOperator, .hash = HashSha256("one"), .created_at = {}},
       {.name = "me", .role = Role::kViewer, .hash = HashSha256("two"), .created_at = {}}}};
};

TEST_F(AccessTest, SaysWhoCallsAndTakesTheTokenAway) {
  Access access = Make();
  for (const char* credentials : {"Bearer one", "bearer one", "BEARER one"}) {
    HttpCall call = Call("10.0.0.1:1", credentials);
    EXPECT_FALSE(access.Admit(&call).has_value()) << credentials;
    EXPECT_EQ(call.caller.name, "ci");
    EXPECT_EQ(call.caller.role, Role::kOperator);
    EXPECT_FALSE(call.Header("Authorization").has_value());
    EXPECT_TRUE(access.StillAdmits(call.caller));
  }
}

TEST_F(AccessTest, WhoShowsNothingIsNobody) {
  Access access = Make();
  HttpCall call = Call("10.0.0.1:1");
  EXPECT_FALSE(access.Admit(&call).has_value());
  EXPECT_EQ(call.caller.role, Role::kNobody);
  EXPECT_TRUE(access.AsksForTokens());
}

TEST_F(AccessTest, AnExpiredTokenIs401AndSaysSince) {
  Access access = Make();
  store_.Replace({{.name = "ci",
                   .role = Role::kOperator,
                   .hash = HashSha256("one"),
                   .created_at = {},
                   .expires_at = FromMicros(10'000'000)}});
  HttpCall before = Call("10.0.0.1:1", "Bearer one");
  EXPECT_FALSE(access.Admit(&before).has_value());
  clock_.Advance(10s);
  EXPECT_FALSE(access.StillAdmits(before.caller));
  HttpCall after = Call("10.0.0.1:1", "Bearer one");
  const auto refusal = access.Admit(&after);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->status, 401);
  EXPECT_NE(refusal->body.find("expired at 1970-01-01T00:00:10"), std::string::npos)
      << refusal->body;
}

TEST_F(AccessTest, AWrongTokenIs401) {
  Access access = Make();
  for (const char* credentials : {"Bearer three", "Bearer ", "Bearer", "one",
                                  "Basic b25lOg==", "Bearer  one", "Bearer one,two"}) {
    HttpCall call = Call("10.0.0.1:1", credentials);
    const auto refusal = access.Admit(&call);
    ASSERT_TRUE(refusal.has_value()) << credentials;
    EXPECT_EQ(refusal->status, 401);
    EXPECT_EQ(refusal->body.find("three"), std::string::npos) << "no answer repeats a token";
  }
  HttpCall twice = Call("10.0.0.1:1", "Bearer one");
  twice.headers.emplace("authorization", "Bearer two");
  EXPECT_EQ(access.Admit(&twice)->status, 401);
}

TEST_F(AccessTest, TooManyIs429WithTheTimeToWait) {
  Access access = Make({.per_s = 0.1, .burst = 2});
  for (int i = 0; i < 2; ++i) {
    HttpCall call = Call("10.0.0.1:1", "Bearer one");
    EXPECT_FALSE(access.Admit(&call).has_value());
  }
  HttpCall call = Call("10.0.0.2:1", "Bearer one");
  const auto refusal = access.Admit(&call);
  ASSERT_TRUE(refusal.has_value()) << "a token has one rate, from wherever it comes";
  EXPECT_EQ(refusal->status, 429);
  ASSERT_EQ(refusal->headers.size(), 1U);
  EXPECT_EQ(refusal->headers[0], (std::pair<std::string, std::string>("Retry-After", "10")));
  HttpCall other = Call("10.0.0.1:1", "Bearer two");
  EXPECT_FALSE(access.Admit(&other).has_value());
  clock_.Advance(10s);
  HttpCall later = Call("10.0.0.2:1", "Bearer one");
  EXPECT_FALSE(access.Admit(&later).has_value());
}

int AskFrom(Access& access, const std::string& peer, const std::string& credentials = "") {
  HttpCall call = Call(peer, credentials);
  const auto refusal = access.Admit(&call);
  return refusal ? refusal->status : 200;
}

TEST_F(AccessTest, PeersWithoutATokenHaveARateEach) {
  Access access = Make({.per_s = 0.1, .burst = 1});
  EXPECT_EQ(AskFrom(access, "10.0.0.1:1"), 200);
  EXPECT_EQ(AskFrom(access, "10.0.0.1:2"), 429) << "its port is no name";
  EXPECT_EQ(AskFrom(access, "10.0.0.2:1"), 200);
  EXPECT_EQ(AskFrom(access, "[2001:db8::1]:1"), 200);
  EXPECT_EQ(AskFrom(access, "[2001:db8::2]:1"), 429) << "a host has its /64";
  EXPECT_EQ(AskFrom(access, "[2001:db8:0:1::1]:1"), 200);
  EXPECT_EQ(AskFrom(access, "[::ffff:10.0.0.3]:1"), 200);
  EXPECT_EQ(AskFrom(access, "[::ffff:10.0.0.4]:1"), 200);
  EXPECT_EQ(AskFrom(access, "10.0.0.3:1"), 429) << "the same host";
}

TEST_F(AccessTest, GuessingHasTheRateOfThePeer) {
  Access access = Make({.per_s = 0.1, .burst = 1});
  EXPECT_EQ(AskFrom(access, "10.0.0.1:1", "Bearer guess"), 401);
  EXPECT_EQ(AskFrom(access, "10.0.0.1:1", "Bearer another"), 429);
}

TEST_F(AccessTest, WithoutTokensEverybodyIsAdminAtARate) {
  Access access(nullptr, {.per_s = 0.1, .burst = 1}, &clock_);
  HttpCall call = Call("127.0.0.1:1", "Bearer one");
  EXPECT_FALSE(access.Admit(&call).has_value());
  EXPECT_EQ(call.caller.role, Role::kAdmin);
  EXPECT_EQ(call.caller.name, "");
  EXPECT_EQ(AskFrom(access, "127.0.0.1:2"), 429);
  EXPECT_FALSE(access.AsksForTokens());
  EXPECT_TRUE(access.StillAdmits(call.caller));
}

}  // namespace
}  // namespace auspex::api
