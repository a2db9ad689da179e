// Server-sent events over real sockets: hub and server together.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "auspex/api/event_hub.h"
#include "auspex/api/http_server.h"
#include "auspex/api/routes.h"
#include "tests/api/client.h"
#include "tests/api/server_rig.h"

namespace auspex::api {
namespace {

std::unique_ptr<HttpServer> ServeHub(EventHub& hub, ServerLimits limits = {},
                                     const Logger& log = Logger(LogLevel::kError)) {
  Routes routes;
  routes.Add({.method = "GET", .pattern = "/events", .handler = [&hub](const HttpCall& call) {
                return ServeEvents(hub, call);
              }});
  return StartServer(routes.ToHandler(), limits, log);
}

TEST(ServerEvents, ArriveAsTheyArePublished) {
  EventHub hub({.first_id = 10});
  const auto server = ServeHub(hub);
  Client client(server->port());
  client.Get("/events");
  const Answer answer = client.ReadHead();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.Has("Content-Type: text/event-stream\r\n"));
  EXPECT_TRUE(answer.Has("Cache-Control: no-store\r\n"));
  EXPECT_TRUE(answer.Has("Connection: close\r\n"));
  EXPECT_FALSE(answer.Has("Content-Length"));
  EXPECT_EQ(client.ReadThrough("\n\n"), "retry: 2000\nid: 9\n\n");
  for (int i = 10; i < 13; ++i) {
    hub.Publish("decision", "d1", R"({"weight":0.05})");
    EXPECT_EQ(client.ReadThrough("\n\n"),
              fmt::format("id: {}\nevent: decision\ndata: {{\"weight\":0.05}}\n\n", i));
  }
}

TEST(ServerEvents, ResumeByLastEventId) {
  EventHub hub;
  const auto server = ServeHub(hub);
  auto first = std::make_unique<Client>(server->port());
  first->Get("/events?deployment=d1");
  first->ReadThrough("id: 0\n\n");
  hub.Publish("e", "d1", "1");
  EXPECT_EQ(first->ReadThrough("\n\n"), "id: 1\nevent: e\ndata: 1\n\n");
  first.reset();
  hub.Publish("e", "d2", "2");
  hub.Publish("e", "d1", "3");
  Client second(server->port());
  second.Get("/events?deployment=d1", "Last-Event-ID: 1\r\n");
  second.ReadHead();
  EXPECT_EQ(second.ReadThrough("\n\n"), "retry: 2000\nid: 1\n\n");
  EXPECT_EQ(second.ReadThrough("\n\n"), "id: 3\nevent: e\ndata: 3\n\n");
  hub.Publish("e", "d1", "4");
  EXPECT_EQ(second.ReadThrough("\n\n"), "id: 4\nevent: e\ndata: 4\n\n");
}

TEST(ServerEvents, ResetWhenTheIdIsTooOld) {
  EventHub hub({.kept = 1});
  for (int i = 0; i < 5; ++i) hub.Publish("e", "", "0");
  const auto server = ServeHub(hub);
  Client client(server->port());
  client.Get("/events?last_event_id=1");
  client.ReadHead();
  EXPECT_EQ(client.ReadThrough("\n\n"), "retry: 2000\nid: 5\n\n");
  EXPECT_EQ(client.ReadThrough("\n\n"),
            "id: 5\nevent: reset\ndata: {\"reason\":\"events were missed\"}\n\n");
  hub.Publish("e", "", "6");
  EXPECT_EQ(client.ReadThrough("\n\n"), "id: 6\nevent: e\ndata: 6\n\n");
}

TEST(ServerEvents, AQuietStreamBeats) {
  EventHub hub;
  const auto server = ServeHub(hub, {.heartbeat = 20ms});
  Client client(server->port());
  client.Get("/events");
  client.ReadThrough("id: 0\n\n");
  EXPECT_EQ(client.ReadThrough(":\n\n:\n\n:\n\n"), ":\n\n:\n\n:\n\n");
}

TEST(ServerEvents, ASlowReaderIsDroppedAndTheOthersAreNot) {
  LogBook book;
  EventHub hub({.queue = 16});
  const auto server = ServeHub(hub, {}, book.MakeLogger());
  Client slow(server->port(), 4096);
  slow.Get("/events");
  Client quick(server->port());
  quick.Get("/events");
  quick.ReadThrough("id: 0\n\n");
  ASSERT_TRUE(Eventually([&hub] { return hub.readers() == 2; }));
  const std::string data(20'000, 'x');
  std::uint64_t id = 0;
  // The kernel holds some for it first; 20 MB it does not.
  while (hub.readers() == 2 && id < 1000) {
    id = hub.Publish("e", "", data);
    ASSERT_EQ(quick.ReadThrough("\n\n"), fmt::format("id: {}\nevent: e\ndata: {}\n\n", id, data));
  }
  EXPECT_EQ(hub.readers(), 1U);
  EXPECT_TRUE(slow.ReadToEnd()) << "its connection is closed, so that it comes back";
  EXPECT_TRUE(Eventually([&book] { return book.Has("event_reader_too_slow"); }));
  id = hub.Publish("e", "", "still here");
  EXPECT_NE(quick.ReadThrough("\n\n").find("still here"), std::string::npos);
}

TEST(ServerEvents, AReaderThatLeavesIsForgotten) {
  EventHub hub;
  const auto server = ServeHub(hub, {.heartbeat = 1h});
  {
    Client client(server->port());
    client.Get("/events");
    client.ReadThrough("id: 0\n\n");
    EXPECT_EQ(hub.readers(), 1U);
  }
  // Without an event or a heartbeat to trip over.
  EXPECT_TRUE(Eventually([&hub] { return hub.readers() == 0; }));
}

TEST(ServerEvents, HeadOpensNoStream) {
  EventHub hub;
  const auto server = ServeHub(hub);
  Client client(server->port());
  client.Send("HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(client.ReadHead().status, 200);
  std::string rest;
  EXPECT_TRUE(client.ReadToEnd(&rest));
  EXPECT_EQ(rest, "");
  EXPECT_EQ(hub.readers(), 0U);
}

TEST(ServerEvents, FiveHundredStreamsAtOnceAndThenAProblem) {
  EventHub hub;
  const auto server = ServeHub(hub);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 250; ++i) {
    // In pairs: fewer round trips.
    for (int j = 0; j < 2; ++j) {
      clients.push_back(std::make_unique<Client>(server->port()));
      ASSERT_TRUE(clients.back()->connected()) << "ulimit -n?";
      clients.back()->Get("/events");
    }
  }
  for (const auto& client : clients) ASSERT_NE(client->ReadThrough("id: 0\n\n"), "");
  EXPECT_EQ(hub.readers(), 500U);
  Client over(server->port());
  over.Get("/events");
  EXPECT_EQ(over.ReadAnswer().status, 503);
  for (int i = 0; i < 10; ++i) hub.Publish("e", "d1", std::to_string(i));
  for (const auto& client : clients) {
    ASSERT_NE(client->ReadThrough("data: 9\n\n").find("id: 10\n"), std::string::npos);
  }
}

TEST(ServerEvents, StopEndsOpenStreams) {
  EventHub hub;
  const auto server = ServeHub(hub, {.stop_deadline = 1h});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(server->port()));
    clients.back()->Get("/events");
    clients.back()->ReadThrough("id: 0\n\n");
  }
  server->Stop();  // within the test's time only if no stream holds it
  for (const auto& client : clients) EXPECT_TRUE(client->ReadToEnd());
  EXPECT_EQ(hub.readers(), 0U);
  hub.Publish("e", "", "into the void");
}

TEST(ServerEvents, StopEndsAStreamWhoseReaderReadsNothing) {
  EventHub hub({.queue = 100'000});
  const auto server = ServeHub(hub, {.stop_deadline = 100ms});
  Client stuck(server->port(), 4096);
  stuck.Get("/events");
  ASSERT_TRUE(Eventually([&hub] { return hub.readers() == 1; }));
  for (int i = 0; i < 1000; ++i) hub.Publish("e", "", std::string(20'000, 'x'));
  server->Stop();
  EXPECT_EQ(hub.readers(), 0U);
}

TEST(ServerEvents, AStuckWriteHasADeadline) {
  EventHub hub({.queue = 100'000});
  const auto server = ServeHub(hub, {.write_deadline = 100ms});
  Client stuck(server->port(), 4096);
  stuck.Get("/events");
  ASSERT_TRUE(Eventually([&hub] { return hub.readers() == 1; }));
  for (int i = 0; i < 1000; ++i) hub.Publish("e", "", std::string(20'000, 'x'));
  EXPECT_TRUE(Eventually([&hub] { return hub.readers() == 0; }));
}

TEST(ServerEvents, ClosingTheHubEndsTheStreamsAndNotTheServer) {
  EventHub hub;
  const auto server = ServeHub(hub);
  Client client(server->port());
  client.Get("/events");
  client.ReadThrough("id: 0\n\n");
  hub.Close();
  EXPECT_TRUE(client.ReadToEnd());
  Client next(server->port());
  next.Get("/events");
  EXPECT_EQ(next.ReadAnswer().status, 503);
}

TEST(ServerEvents, PublishingWhileReadersComeAndGoAndTheServerStops) {
  EventHub hub({.queue = 8});
  auto server = ServeHub(hub);
  std::atomic<bool> done = false;
  std::thread publisher([&] {
    while (!done) hub.Publish("e", "d1", "0");
  });
  for (int i = 0; i < 50; ++i) {
    Client client(server->port());
    client.Get("/events?last_event_id=1");
    EXPECT_EQ(client.ReadHead().status, 200);
  }
  server.reset();
  done = true;
  publisher.join();
  EXPECT_EQ(hub.readers(), 0U);
}

}  // namespace
}  // namespace auspex::api
