#include "auspex/api/http_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "auspex/api/routes.h"
#include "tests/api/client.h"
#include "tests/api/server_rig.h"

namespace auspex::api {
namespace {

// Says what it got.
HttpReply Echo(const HttpCall& call) {
  nlohmann::json said{{"method", call.method}, {"path", call.path}, {"body", call.body}};
  for (const auto& [name, value] : call.query) said["query"][name] = value;
  HttpReply reply;
  reply.body = said.dump();
  return reply;
}

void ExpectProblem(const Answer& answer, int status) {
  EXPECT_EQ(answer.status, status) << answer.head;
  EXPECT_TRUE(answer.Has("Content-Type: application/problem+json\r\n")) << answer.head;
  const nlohmann::json document = answer.Json();
  ASSERT_TRUE(document.is_object()) << answer.body;
  EXPECT_EQ(document.value("status", 0), status);
  EXPECT_FALSE(document.value("title", "").empty());
  EXPECT_FALSE(document.value("type", "").empty());
  EXPECT_FALSE(document.value("detail", "").empty());
}

TEST(HttpServer, HandsTheWholeRequestToTheHandler) {
  HttpCall seen;
  const auto server = StartServer([&seen](const HttpCall& call) {
    seen = call;
    return Echo(call);
  });
  Client client(server->port());
  client.Send(
      "POST /a%20b?x=1%262&y= HTTP/1.1\r\nhOsT: 127.0.0.1:8400\r\nX-Mine: Yes\r\n"
      "Content-Length: 5\r\n\r\nhello");
  const Answer answer = client.ReadAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.Has("Content-Type: application/json\r\n"));
  EXPECT_TRUE(answer.Has("Cache-Control: no-store\r\n"));
  EXPECT_TRUE(answer.Has("X-Content-Type-Options: nosniff\r\n"));
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.path, "/a%20b");
  EXPECT_EQ(seen.QueryValue("x"), "1&2");
  EXPECT_EQ(seen.QueryValue("y"), "");
  EXPECT_FALSE(seen.QueryValue("z").has_value());
  EXPECT_EQ(seen.Header("x-mine"), "Yes");
  EXPECT_FALSE(seen.Header("x-min").has_value());
  EXPECT_EQ(seen.body, "hello");
  EXPECT_TRUE(seen.peer.starts_with("127.0.0.1:"));
}

TEST(HttpServer, KeepsTheConnectionUntilAskedToClose) {
  const auto server = StartServer(Echo);
  Client client(server->port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Get("/" + std::to_string(i)));
    const Answer answer = client.ReadAnswer();
    EXPECT_TRUE(answer.Has("Connection: keep-alive\r\n"));
    EXPECT_EQ(answer.Json()["path"], "/" + std::to_string(i));
  }
  client.Get("/last", "Connection: close\r\n");
  EXPECT_TRUE(client.ReadAnswer().Has("Connection: close\r\n"));
  EXPECT_TRUE(client.ReadToEnd());
}

TEST(HttpServer, ClosesAfterHttp10WithoutAHost) {
  const auto server = StartServer(Echo);
  Client client(server->port());
  client.Send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().status, 200);
  EXPECT_TRUE(client.ReadToEnd());
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const auto server = StartServer([](const HttpCall& call) {
    // The first takes longest, so that only order kept on purpose passes.
    if (call.path == "/0") std::this_thread::sleep_for(50ms);
    return Echo(call);
  });
  Client client(server->port());
  std::string all;
  for (int i = 0; i < 20; ++i) {
    all += fmt::format("POST /{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na{:02}", i,
                       i);
  }
  ASSERT_TRUE(client.Send(all));
  for (int i = 0; i < 20; ++i) {
    const nlohmann::json said = client.ReadAnswer().Json();
    EXPECT_EQ(said["path"], fmt::format("/{}", i));
    EXPECT_EQ(said["body"], fmt::format("a{:02}", i));
  }
}

TEST(HttpServer, ReadsChunkedBodies) {
  const auto server = StartServer(Echo);
  Client client(server->port());
  client.Send(
      "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().Json()["body"], "abcde");
}

TEST(HttpServer, InvitesTheBodyThatWaitsToBeAskedFor) {
  const auto server = StartServer(Echo);
  Client client(server->port());
  client.Send(
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.ReadThrough("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ok");
  EXPECT_EQ(client.ReadAnswer().Json()["body"], "ok");
}

TEST(HttpServer, AnswersHeadWithTheLengthAndWithoutTheBody) {
  const auto server = StartServer(Echo);
  Client client(server->port());
  client.Send("HEAD /h HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const Answer head = client.ReadHead();
  EXPECT_EQ(head.status, 200);
  EXPECT_FALSE(head.Has("Content-Length: 0"));
  client.Get("/next");
  EXPECT_EQ(client.ReadAnswer().Json()["path"], "/next");
}

TEST(HttpServer, SendsNoBodyWith204) {
  const auto server = StartServer([](const HttpCall& call) {
    HttpReply reply = Echo(call);
    if (call.path == "/none") reply.status = 204;
    return reply;
  });
  Client client(server->port());
  client.Get("/none");
  EXPECT_FALSE(client.ReadHead().Has("Content-Length"));
  client.Get("/next");
  EXPECT_EQ(client.ReadAnswer().Json()["path"], "/next");
}

TEST(HttpServer, ServesATableOfRoutes) {
  Routes routes;
  routes.Add({.method = "POST", .pattern = "/api/v1/deployments/{id}/pause", .handler = Echo});
  const auto server = StartServer(routes.ToHandler());
  Client client(server->port());
  client.Get("/nowhere");
  ExpectProblem(client.ReadAnswer(), 404);
  client.Get("/api/v1/deployments/d1/pause");
  const Answer refusal = client.ReadAnswer();
  ExpectProblem(refusal, 405);
  EXPECT_TRUE(refusal.Has("Allow: POST\r\n"));
  client.Get("/api/v1/deployments/%zz/pause");
  ExpectProblem(client.ReadAnswer(), 400);
  client.Send(
      "POST /api/v1/deployments/d1/pause HTTP/1.1\r\nHost: [::1]:1\r\n"
      "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().status, 200);
}

TEST(HttpServer, RefusesAQueryThatDoesNotDecode) {
  const auto server = StartServer(Echo);
  Client client(server->port());
  client.Get("/a?b=%4");
  ExpectProblem(client.ReadAnswer(), 400);
  client.Get("/a?b=%41");
  EXPECT_EQ(client.ReadAnswer().Json()["query"]["b"], "A");
}

TEST(HttpServer, RefusesBodiesOverTheLimit) {
  const auto server = StartServer(Echo, {.body_bytes = 1000});
  Client exact(server->port());
  exact.Send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n" +
             std::string(1000, 'x'));
  EXPECT_EQ(exact.ReadAnswer().status, 200);
  Client declared(server->port());
  declared.Send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n" +
                std::string(1001, 'x'));
  ExpectProblem(declared.ReadAnswer(), 413);
  EXPECT_TRUE(declared.ReadToEnd());
  Client chunked(server->port());
  chunked.Send("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" +
               std::string(0x400, 'x') + "\r\n0\r\n\r\n");
  ExpectProblem(chunked.ReadAnswer(), 413);
}

TEST(HttpServer, LargeBodiesAreForThePathsThatHaveThem) {
  const auto server = StartServer(
      Echo,
      {.body_bytes = 1000, .large_under = "/ingest/", .large_body_bytes = 5000, .large_bodies = 1});
  const auto ask = [&server](const std::string& path, std::size_t bytes) {
    Client client(server->port());
    client.Send(fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}",
                            path, bytes, std::string(bytes, 'x')));
    return client.ReadAnswer();
  };
  EXPECT_EQ(ask("/ingest/builds?service=a", 5000).status, 200);
  const Answer beyond = ask("/ingest/builds", 5001);
  ExpectProblem(beyond, 413);
  EXPECT_NE(beyond.body.find("5000"), std::string::npos);
  const Answer other = ask("/orders", 1001);
  ExpectProblem(other, 413);
  EXPECT_NE(other.body.find("1000"), std::string::npos);
  Client chunked(server->port());
  chunked.Send(
      "POST /orders HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" +
      std::string(0x400, 'x') + "\r\n0\r\n\r\n");
  ExpectProblem(chunked.ReadAnswer(), 413);
}

// One large body that is on its way keeps others out, small ones not; then there is room again.
TEST(HttpServer, LargeBodiesAreCounted) {
  const auto server = StartServer(
      Echo,
      {.body_bytes = 1000, .large_under = "/ingest/", .large_body_bytes = 5000, .large_bodies = 1});
  const auto head = [](std::size_t bytes) {
    return fmt::format(
        "POST /ingest/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        "Content-Length: {}\r\n\r\n",
        bytes);
  };
  Client slow(server->port());
  slow.Send(head(2000));
  EXPECT_EQ(slow.ReadHead().status, 100);
  Client second(server->port());
  second.Send(head(2000));
  ExpectProblem(second.ReadAnswer(), 503);
  Client small(server->port());
  small.Send(head(3) + "abc");
  EXPECT_EQ(small.ReadHead().status, 100);
  EXPECT_EQ(small.ReadAnswer().status, 200);
  slow.Send(std::string(2000, 'x'));
  EXPECT_EQ(slow.ReadAnswer().status, 200);
  Client third(server->port());
  third.Send(head(2000) + std::string(2000, 'x'));
  EXPECT_EQ(third.ReadHead().status, 100);
}

TEST(HttpServer, ARefusalReachesAClientThatIsStillSending) {
  const auto server = StartServer(Echo, {.body_bytes = 1000});
  Client client(server->port());
  const std::string body(1'000'000, 'x');
  client.Send(
      fmt::format("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.size()));
  const Answer answer = client.ReadHead();
  EXPECT_EQ(answer.status, 413);
  EXPECT_TRUE(client.Send(body)) << "a reset here would have lost the answer for a slower reader";
}

TEST(HttpServer, RefusesHeadersOverTheLimit) {
  const auto server = StartServer(Echo, {.header_bytes = 1000});
  Client fits(server->port());
  fits.Get("/", "X-Long: " + std::string(800, 'x') + "\r\n");
  EXPECT_EQ(fits.ReadAnswer().status, 200);
  Client fields(server->port());
  fields.Get("/", "X-Long: " + std::string(2000, 'x') + "\r\n");
  ExpectProblem(fields.ReadAnswer(), 431);
  Client line(server->port());
  line.Get("/" + std::string(200'000, 'x'));
  ExpectProblem(line.ReadAnswer(), 431);
  EXPECT_TRUE(line.ReadToEnd());
}

TEST(HttpServer, GivesUpOnHeadersThatDoNotArrive) {
  const auto server = StartServer(Echo, {.header_deadline = 100ms});
  Client half(server->port());
  half.Send("GET / HTTP/1.1\r\nHost: loc");
  ExpectProblem(half.ReadAnswer(), 408);
  EXPECT_TRUE(half.ReadToEnd());
  Client silent(server->port());
  std::string rest;
  EXPECT_TRUE(silent.ReadToEnd(&rest));
  EXPECT_EQ(rest, "") << "nobody asked for anything";
}

TEST(HttpServer, ADripOfBytesDoesNotMoveTheDeadline) {
  const auto server = StartServer(Echo, {.header_deadline = 200ms});
  Client client(server->port());
  client.Send("GET / HTTP/1.1\r\nX: ");
  // Far more drops than fit before the deadline.
  EXPECT_TRUE(Eventually([&client] { return !client.Send("x"); }));
}

TEST(HttpServer, GivesUpOnBodiesThatDoNotArrive) {
  const auto server = StartServer(Echo, {.body_deadline = 100ms});
  Client client(server->port());
  client.Send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
  ExpectProblem(client.ReadAnswer(), 408);
  EXPECT_TRUE(client.ReadToEnd());
}

TEST(HttpServer, ClosesIdleConnections) {
  const auto server = StartServer(Echo, {.idle_deadline = 100ms});
  Client client(server->port());
  client.Get("/");
  EXPECT_EQ(client.ReadAnswer().status, 200);
  EXPECT_TRUE(client.ReadToEnd());
}

TEST(HttpServer, GarbageGetsAProblemAndHarmsNobody) {
  const auto server = StartServer(Echo);
  const std::string kinds[] = {
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  // TLS
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",              // HTTP/2
      "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
      "GET\r\n\r\n",
      std::string("\0\0\0\0\r\n\r\n", 8),
      "GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ten\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
      "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /a#b HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
  };
  for (const std::string& garbage : kinds) {
    SCOPED_TRACE(garbage);
    Client client(server->port());
    client.Send(garbage);
    ExpectProblem(client.ReadAnswer(), 400);
  }
  Client good(server->port());
  good.Get("/");
  EXPECT_EQ(good.ReadAnswer().status, 200);
}

TEST(HttpServer, ClientsThatLeaveInTheMiddleHarmNobody) {
  const auto server = StartServer(Echo);
  for (const char* part :
       {"", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab"}) {
    Client(server->port()).Send(part);
  }
  Client good(server->port());
  good.Get("/");
  EXPECT_EQ(good.ReadAnswer().status, 200);
}

TEST(HttpServer, RefusesForeignHostsAndOrigins) {
  const auto server = StartServer(Echo);
  Client client(server->port());
  client.Send("GET / HTTP/1.1\r\nHost: rebound.example:8400\r\n\r\n");
  ExpectProblem(client.ReadAnswer(), 421);
  client.Send("GET http://rebound.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ExpectProblem(client.ReadAnswer(), 421);
  client.Get("/", "Origin: https://evil.example\r\n");
  ExpectProblem(client.ReadAnswer(), 403);
  client.Send("GET http://localhost/abs HTTP/1.1\r\nHost: ignored.example\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().Json()["path"], "/abs");
  client.Get("/", "Origin: http://127.0.0.1:5173\r\n");
  EXPECT_EQ(client.ReadAnswer().status, 200);
}

TEST(HttpServer, AnExceptionIsA500AndIsLogged) {
  LogBook book;
  const auto server = StartServer(
      [](const HttpCall& call) -> HttpReply {
        if (call.path == "/bad") throw std::runtime_error("the ledger burns");
        return Echo(call);
      },
      {}, book.MakeLogger());
  Client client(server->port());
  client.Get("/bad");
  const Answer answer = client.ReadAnswer();
  ExpectProblem(answer, 500);
  EXPECT_EQ(answer.body.find("burns"), std::string::npos);
  EXPECT_TRUE(book.Has("the ledger burns"));
  client.Get("/good");
  EXPECT_EQ(client.ReadAnswer().status, 200);
}

TEST(HttpServer, TurnsConnectionsAwayOverTheLimit) {
  const auto server = StartServer(Echo, {.connections = 2, .least_idle = 1h});
  auto first = std::make_unique<Client>(server->port());
  Client second(server->port());
  first->Get("/1");
  second.Get("/2");
  EXPECT_EQ(first->ReadAnswer().status, 200);
  EXPECT_EQ(second.ReadAnswer().status, 200);
  Client third(server->port());
  third.Get("/3");
  const Answer refusal = third.ReadAnswer();
  ExpectProblem(refusal, 503);
  EXPECT_TRUE(refusal.Has("Retry-After: "));
  EXPECT_TRUE(third.ReadToEnd());
  second.Get("/2");
  EXPECT_EQ(second.ReadAnswer().status, 200) << "those inside are not disturbed";
  first.reset();
  EXPECT_TRUE(Eventually([&server] {
    Client next(server->port());
    next.Get("/");
    return next.ReadAnswer().status == 200;
  }));
}

TEST(HttpServer, AFloodOfConnectionsIsBoundedAndPasses) {
  const auto server = StartServer(Echo, {.connections = 10});
  {
    std::vector<std::unique_ptr<Client>> flood;
    for (int i = 0; i < 300; ++i) flood.push_back(std::make_unique<Client>(server->port()));
    int refused = 0;
    for (std::size_t i = 10; i < flood.size(); ++i) {
      std::string rest;
      ASSERT_TRUE(flood[i]->ReadToEnd(&rest));
      refused += rest.starts_with("HTTP/1.1 503") ? 1 : 0;
    }
    EXPECT_GE(refused, 64);
    flood[0]->Get("/");
    EXPECT_EQ(flood[0]->ReadAnswer().status, 200);
  }
  EXPECT_TRUE(Eventually([&server] {
    Client next(server->port());
    next.Get("/");
    return next.ReadAnswer().status == 200;
  }));
}

// Handlers that wait until the test lets them go.
class Gate {
 public:
  HttpReply Wait(const HttpCall& call) {
    ++inside_;
    open_.wait();
    return Echo(call);
  }
  void Open() { promise_.set_value(); }
  [[nodiscard]] int inside() const { return inside_; }

 private:
  std::promise<void> promise_;
  std::shared_future<void> open_ = promise_.get_future().share();
  std::atomic<int> inside_ = 0;
};

TEST(HttpServer, BoundsTheCallsThatWaitForAWorker) {
  Gate gate;
  const auto server = StartServer([&gate](const HttpCall& call) { return gate.Wait(call); },
                                  {.workers = 2, .waiting_calls = 1});
  std::atomic<int> answered = 0, refused = 0;
  std::vector<std::future<void>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(std::async(std::launch::async, [&, port = server->port()] {
      Client client(port);
      client.Get("/");
      const int status = client.ReadAnswer().status;
      answered += status == 200 ? 1 : 0;
      refused += status == 503 ? 1 : 0;
    }));
  }
  // Two run and one waits, whichever come first; nothing is answered before the gate opens.
  EXPECT_TRUE(Eventually([&] { return refused == 2 && gate.inside() == 2; }));
  EXPECT_EQ(answered, 0);
  gate.Open();
  for (std::future<void>& client : clients) client.get();
  EXPECT_EQ(answered, 3);
  EXPECT_EQ(refused, 2);
}

TEST(HttpServer, StopLetsAnswersUnderWayGoOut) {
  Gate gate;
  const auto server = StartServer([&gate](const HttpCall& call) { return gate.Wait(call); });
  Client busy(server->port());
  busy.Get("/slow");
  ASSERT_TRUE(Eventually([&gate] { return gate.inside() == 1; }));
  Client idle(server->port());
  std::future<void> stopped = std::async(std::launch::async, [&server] { server->Stop(); });
  EXPECT_TRUE(idle.ReadToEnd()) << "idle connections end at once";
  gate.Open();
  const Answer answer = busy.ReadAnswer();
  EXPECT_EQ(answer.Json()["path"], "/slow");
  EXPECT_TRUE(answer.Has("Connection: close"));
  stopped.get();
  EXPECT_FALSE(Client(server->port()).connected());
  server->Stop();
}

TEST(HttpServer, StopEndsWhatMissesItsDeadline) {
  const auto server = StartServer(Echo, {.header_deadline = 1h, .stop_deadline = 100ms});
  Client half(server->port());
  half.Send("GET / HT");
  Client whole(server->port());
  whole.Get("/");
  EXPECT_EQ(whole.ReadAnswer().status, 200);  // by then the half is read too
  server->Stop();
  EXPECT_TRUE(half.ReadToEnd());
}

TEST(HttpServer, StopBeforeAnyConnection) {
  const auto server = StartServer(Echo);
  server->Stop();
}

TEST(HttpServer, ListensOnLoopbackOnlyWithoutTlsAndTokens) {
  for (const char* address : {"0.0.0.0", "::", "10.0.0.1", "192.168.1.1", "example.com", "", "*"}) {
    const auto server = HttpServer::Start({.address = address}, Echo, Logger(LogLevel::kError));
    ASSERT_FALSE(server.ok()) << address;
    EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(server.error().message.find("both TLS and tokens"), std::string::npos);
  }
  EXPECT_TRUE(HttpServer::Start({.address = "localhost"}, Echo, Logger(LogLevel::kError)).ok());
  EXPECT_TRUE(HttpServer::Start({.address = "127.0.0.2"}, Echo, Logger(LogLevel::kError)).ok());
}

TEST(HttpServer, RefusesLimitsThatServeNobody) {
  const auto server = HttpServer::Start({.limits = {.workers = 0}}, Echo, Logger(LogLevel::kError));
  ASSERT_FALSE(server.ok());
  EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument);
}

TEST(HttpServer, NamesThePortThatIsInUse) {
  const auto server = StartServer(Echo);
  const auto second = HttpServer::Start({.port = server->port()}, Echo, Logger(LogLevel::kError));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message.find(fmt::format("127.0.0.1:{}", server->port())),
            std::string::npos);
}

TEST(HttpServer, ThePortIsFreeAgainAfterStop) {
  auto server = StartServer(Echo);
  const std::uint16_t port = server->port();
  Client client(port);
  client.Get("/");
  EXPECT_EQ(client.ReadAnswer().status, 200);
  server.reset();
  EXPECT_TRUE(HttpServer::Start({.port = port}, Echo, Logger(LogLevel::kError)).ok());
}

TEST(HttpServer, ManyClientsAtOnceGetTheirOwnAnswers) {
  const auto server = StartServer(Echo);
  std::vector<std::future<int>> results;
  for (int t = 0; t < 8; ++t) {
    results.push_back(std::async(std::launch::async, [t, port = server->port()] {
      Client client(port);
      int right = 0;
      for (int i = 0; i < 200; ++i) {
        const std::string path = fmt::format("/{}/{}", t, i);
        client.Get(path);
        const nlohmann::json said = client.ReadAnswer().Json();
        right += said.is_object() && said["path"] == path ? 1 : 0;
      }
      return right;
    }));
  }
  for (std::future<int>& result : results) EXPECT_EQ(result.get(), 200);
}

}  // namespace
}  // namespace auspex::api
