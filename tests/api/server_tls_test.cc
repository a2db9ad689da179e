// The server under TLS: real sockets, real certificates.
#include <gtest/gtest.h>
#include <signal.h>

#include <future>
#include <string>

#include "auspex/api/event_hub.h"
#include "auspex/api/http_server.h"
#include "tests/api/certificates.h"
#include "tests/api/client.h"
#include "tests/api/server_rig.h"

namespace auspex::api {
namespace {

HttpReply Echo(const HttpCall& call) {
  HttpReply reply;
  reply.body = nlohmann::json{{"path", call.path}, {"body", call.body}}.dump();
  return reply;
}

class ServerTls : public ::testing::Test {
 protected:
  // OpenSSL's own writes raise it where the peer is gone.
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }

  std::unique_ptr<HttpServer> Start(Handler handler, ServerLimits limits = {}) {
    auto server = HttpServer::Start({.limits = limits, .tls = *TlsIdentity::Load(files_)},
                                    std::move(handler), Logger(LogLevel::kError));
    EXPECT_TRUE(server.ok()) << server.error().message;
    return *std::move(server);
  }

  Folder folder_;
  TlsFiles files_ = MakeCertificate(folder_, "first");
};

TEST_F(ServerTls, AnswersRequestAfterRequest) {
  const auto server = Start(Echo);
  Client client(server->port());
  ASSERT_TRUE(client.Secure(files_.certificate));
  for (int i = 0; i < 3; ++i) {
    client.Get(fmt::format("/{}", i));
    EXPECT_EQ(client.ReadAnswer().Json()["path"], fmt::format("/{}", i));
  }
  client.Get("/last", "Connection: close\r\n");
  EXPECT_EQ(client.ReadAnswer().status, 200);
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_TRUE(client.saw_close_notify());
}

TEST_F(ServerTls, TakesPipelinedRequestsAndLargeBodies) {
  const auto server = Start(Echo);
  Client client(server->port());
  ASSERT_TRUE(client.Secure(files_.certificate));
  const std::string body(300'000, 'x');
  std::string all;
  for (int i = 0; i < 3; ++i) {
    all += fmt::format("POST /{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}", i,
                       body.size(), body);
  }
  auto sent = std::async(std::launch::async, [&] { return client.Send(all); });
  EXPECT_TRUE(sent.get());
  for (int i = 0; i < 3; ++i) {
    const auto said = client.ReadAnswer().Json();
    EXPECT_EQ(said["path"], fmt::format("/{}", i));
    EXPECT_EQ(said["body"], body);
  }
}

TEST_F(ServerTls, CarriesEvents) {
  EventHub hub;
  const auto server = Start([&hub](const HttpCall& call) { return ServeEvents(hub, call); });
  {
    Client client(server->port());
    ASSERT_TRUE(client.Secure(files_.certificate));
    client.Get("/events");
    client.ReadThrough("id: 0\n\n");
    for (int i = 1; i < 5; ++i) {
      hub.Publish("e", "d1", "1");
      EXPECT_EQ(client.ReadThrough("\n\n"), fmt::format("id: {}\nevent: e\ndata: 1\n\n", i));
    }
  }
  EXPECT_TRUE(Eventually([&hub] { return hub.readers() == 0; })) << "a reader that leaves is seen";
}

TEST_F(ServerTls, ARefusalReachesAClientThatIsStillSending) {
  const auto server = Start(Echo, {.body_bytes = 1000});
  Client client(server->port());
  ASSERT_TRUE(client.Secure(files_.certificate));
  const std::string body(1'000'000, 'x');
  client.Send(
      fmt::format("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.size()));
  EXPECT_EQ(client.ReadHead().status, 413);
}

TEST_F(ServerTls, GivesUpOnAHandshakeThatDoesNotArrive) {
  const auto server = Start(Echo, {.header_deadline = 100ms});
  Client silent(server->port());
  EXPECT_TRUE(silent.ReadToEnd());
  Client half(server->port());
  half.Send("\x16\x03\x01\x02");
  EXPECT_TRUE(half.ReadToEnd());
  Client slow(server->port());
  ASSERT_TRUE(slow.Secure(files_.certificate));
  slow.Send("GET / HTTP/1.1\r\nHost: loc");
  EXPECT_EQ(slow.ReadAnswer().status, 408);
}

TEST_F(ServerTls, TellsAClientThatSpeaksInTheClear) {
  const auto server = Start(Echo);
  Client client(server->port());
  client.Get("/");
  const Answer answer = client.ReadAnswer();
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("https://"), std::string::npos);
}

TEST_F(ServerTls, GarbageHarmsNobody) {
  const auto server = Start(Echo);
  for (const std::string& garbage :
       {std::string("HELO there\r\n\r\n"), std::string(5000, '\xff')}) {
    Client client(server->port());
    client.Send(garbage);
    EXPECT_TRUE(client.ReadToEnd());
  }
  Client client(server->port());
  EXPECT_TRUE(client.Secure(files_.certificate));
}

TEST_F(ServerTls, RefusesOldProtocols) {
  const auto server = Start(Echo);
  Client client(server->port());
  EXPECT_FALSE(client.Secure(files_.certificate, TLS1_1_VERSION));
  Client next(server->port());
  EXPECT_TRUE(next.Secure(files_.certificate, TLS1_2_VERSION));
}

TEST_F(ServerTls, GoesOnToAnotherCertificateWithoutDroppingAnybody) {
  const auto server = Start(Echo);
  Client before(server->port());
  ASSERT_TRUE(before.Secure(files_.certificate));
  const TlsFiles second = MakeCertificate(folder_, "second");
  server->ReplaceTls(*TlsIdentity::Load(second));
  EXPECT_TRUE(Eventually([&] {
    Client after(server->port());
    return after.Secure(second.certificate);
  }));
  Client stale(server->port());
  EXPECT_FALSE(stale.Secure(files_.certificate));
  before.Get("/still");
  EXPECT_EQ(before.ReadAnswer().Json()["path"], "/still");
}

TEST_F(ServerTls, StopsWithConnectionsInEveryState) {
  const auto server = Start(Echo, {.stop_deadline = 1h});
  Client idle(server->port());
  ASSERT_TRUE(idle.Secure(files_.certificate));
  idle.Get("/");
  EXPECT_EQ(idle.ReadAnswer().status, 200);
  Client silent(server->port());
  server->Stop();
  EXPECT_TRUE(idle.ReadToEnd());
  EXPECT_TRUE(silent.ReadToEnd());
}

TEST(TlsIdentity, SaysWhatIsWrong) {
  const Folder folder;
  const TlsFiles good = MakeCertificate(folder, "good");
  const TlsFiles other = MakeCertificate(folder, "other");
  const std::string garbage = folder.Write("garbage.pem", "not PEM");
  struct Case {
    TlsFiles files;
    ErrorCode code;
    const char* word;
  };
  const Case cases[] = {
      {{folder.Path("none.pem"), good.key}, ErrorCode::kNotFound, "none.pem"},
      {{good.certificate, folder.Path("none.key")}, ErrorCode::kNotFound, "none.key"},
      {{garbage, good.key}, ErrorCode::kInvalidArgument, "garbage.pem"},
      {{good.certificate, garbage}, ErrorCode::kInvalidArgument, "garbage.pem"},
      {{good.certificate, other.key}, ErrorCode::kInvalidArgument, "other.key"},
      {{good.key, good.certificate}, ErrorCode::kInvalidArgument, "good.key"}};
  for (const Case& bad : cases) {
    const auto identity = TlsIdentity::Load(bad.files);
    ASSERT_FALSE(identity.ok()) << bad.word;
    EXPECT_EQ(identity.error().code, bad.code) << bad.word;
    EXPECT_NE(identity.error().message.find(bad.word), std::string::npos)
        << identity.error().message;
  }
  EXPECT_TRUE(TlsIdentity::Load(good).ok());
}

TEST(TlsIdentity, KnowsWhenItEnds) {
  const Folder folder;
  const auto past = TlsIdentity::Load(MakeCertificate(folder, "past", std::chrono::hours(-1)));
  ASSERT_TRUE(past.ok()) << past.error().message;
  EXPECT_LT((*past)->ends_at(), RealClock().Wall());
  EXPECT_GT((*TlsIdentity::Load(MakeCertificate(folder, "now")))->ends_at(), RealClock().Wall());
}

}  // namespace
}  // namespace auspex::api
