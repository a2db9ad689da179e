// Who may call, over real sockets: server, gate and routes together.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "auspex/api/access.h"
#include "auspex/api/event_hub.h"
#include "auspex/api/routes.h"
#include "tests/api/certificates.h"
#include "tests/api/client.h"
#include "tests/api/server_rig.h"

namespace auspex::api {
namespace {

std::vector<Token> Tokens() {
  return {{.name = "ci", .role = Role::kOperator, .hash = HashSha256("one"), .created_at = {}},
          {.name = "me", .role = Role::kViewer, .hash = HashSha256("two"), .created_at = {}}};
}

class ServerAccess : public ::testing::Test {
 protected:
  ServerAccess() {
    const auto who = [](const HttpCall& call) {
      HttpReply reply;
      reply.body =
          nlohmann::json{{"name", call.caller.name}, {"token", call.headers.count("Authorization")}}
              .dump();
      return reply;
    };
    routes_.Add({.method = "GET", .pattern = "/open", .role = Role::kNobody, .handler = who});
    routes_.Add({.method = "GET", .pattern = "/read", .role = Role::kViewer, .handler = who});
    routes_.Add({.method = "POST", .pattern = "/steer", .role = Role::kOperator, .handler = who});
    routes_.Add({.method = "GET",
                 .pattern = "/events",
                 .role = Role::kViewer,
                 .handler = [this](const HttpCall& call) { return ServeEvents(hub_, call); }});
  }

  std::unique_ptr<HttpServer> Start(RateLimits rates = {}, ServerLimits limits = {},
                                    const Logger& log = Logger(LogLevel::kError)) {
    auto server = HttpServer::Start(
        {.limits = limits, .gate = std::make_shared<Access>(&store_, rates, &clock_)},
        routes_.ToHandler(), log);
    EXPECT_TRUE(server.ok()) << server.error().message;
    return *std::move(server);
  }

  RealClock clock_;
  EventHub hub_;
  TokenStore store_{Tokens()};
  Routes routes_;
};

TEST_F(ServerAccess, EachRouteAsksForItsRole) {
  const auto server = Start();
  Client client(server->port());
  client.Get("/open");
  EXPECT_EQ(client.ReadAnswer().status, 200);
  client.Get("/read");
  const Answer anonymous = client.ReadAnswer();
  EXPECT_EQ(anonymous.status, 401);
  EXPECT_TRUE(anonymous.Has("WWW-Authenticate: Bearer"));
  client.Get("/read", "Authorization: Bearer two\r\n");
  const Answer answer = client.ReadAnswer();
  EXPECT_EQ(answer.Json()["name"], "me");
  EXPECT_EQ(answer.Json()["token"], 0) << "handlers see no token";
  const std::string steer =
      "POST /steer HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nAuthorization: Bearer ";
  client.Send(steer + "two\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().status, 403);
  client.Send(steer + "one\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().Json()["name"], "ci");
}

TEST_F(ServerAccess, AWrongTokenIsRefusedBeforeItsBodyIsRead) {
  const auto server = Start();
  Client client(server->port());
  client.Send(
      "POST /steer HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\nAuthorization: Bearer "
      "no\r\n\r\n");
  const Answer refusal = client.ReadAnswer();  // not a byte of the body was sent
  EXPECT_EQ(refusal.status, 401);
  EXPECT_TRUE(refusal.Has("Connection: close"));
}

TEST_F(ServerAccess, ATokenIsTrustedFromAnyHost) {
  const auto server = Start();
  Client client(server->port());
  client.Send(
      "GET /read HTTP/1.1\r\nHost: auspex.example\r\nOrigin: "
      "https://auspex.example\r\nAuthorization: Bearer two\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().status, 200);
}

TEST_F(ServerAccess, TooManyAre429AndTheConnectionGoesOn) {
  const auto server = Start({.per_s = 0.001, .burst = 2});
  Client client(server->port());
  for (const int status : {200, 200, 429, 429}) {
    client.Get("/read", "Authorization: Bearer two\r\n");
    const Answer answer = client.ReadAnswer();
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.Has("Retry-After: "), status == 429);
  }
  client.Get("/read", "Authorization: Bearer one\r\n");
  EXPECT_EQ(client.ReadAnswer().status, 200);
}

TEST_F(ServerAccess, ARevokedTokenEndsItsStream) {
  const auto server = Start({}, {.heartbeat = 20ms});
  Client revoked(server->port());
  revoked.Get("/events", "Authorization: Bearer two\r\n");
  revoked.ReadThrough("id: 0\n\n");
  Client kept(server->port());
  kept.Get("/events", "Authorization: Bearer one\r\n");
  kept.ReadThrough("id: 0\n\n");
  store_.Replace({Tokens()[0]});
  EXPECT_TRUE(revoked.ReadToEnd());
  EXPECT_EQ(kept.ReadThrough(":\n\n"), ":\n\n");
  EXPECT_EQ(hub_.readers(), 1U);
}

TEST_F(ServerAccess, NoTokenIsLogged) {
  LogBook book;
  routes_.Add({.method = "GET",
               .pattern = "/throws",
               .role = Role::kViewer,
               .handler = [](const HttpCall&) -> HttpReply { throw std::runtime_error("no"); }});
  const auto server = Start({}, {}, book.MakeLogger());
  Client client(server->port());
  for (const char* path : {"/throws", "/read", "/none"}) {
    client.Get(path, "Authorization: Bearer two\r\n");
    client.ReadAnswer();
  }
  client.Get("/read", "Authorization: Bearer secret-guess\r\n");
  client.ReadAnswer();
  EXPECT_TRUE(book.Has("http_handler_failed"));
  EXPECT_FALSE(book.Has("two"));
  EXPECT_FALSE(book.Has("secret-guess"));
}

TEST_F(ServerAccess, BeyondLoopbackItTakesBothTlsAndTokens) {
  const Folder folder;
  const auto tls = *TlsIdentity::Load(MakeCertificate(folder, "a"));
  const auto tokens = std::make_shared<Access>(&store_, RateLimits{}, &clock_);
  const auto rates = std::make_shared<Access>(nullptr, RateLimits{}, &clock_);
  const auto start = [this](std::shared_ptr<const TlsIdentity> identity,
                            std::shared_ptr<Gate> gate) {
    return HttpServer::Start(
        {.address = "0.0.0.0", .tls = std::move(identity), .gate = std::move(gate)},
        routes_.ToHandler(), Logger(LogLevel::kError));
  };
  for (const auto& server :
       {start(nullptr, nullptr), start(tls, nullptr), start(nullptr, tokens), start(tls, rates)}) {
    ASSERT_FALSE(server.ok());
    EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument);
  }
  const auto server = start(tls, tokens);
  ASSERT_TRUE(server.ok()) << server.error().message;
  Client client((*server)->port());
  ASSERT_TRUE(client.Secure(folder.Path("a.pem")));
  client.Get("/read", "Authorization: Bearer two\r\n");
  EXPECT_EQ(client.ReadAnswer().status, 200);
}

}  // namespace
}  // namespace auspex::api
