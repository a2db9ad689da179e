// Many connections at once.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>
#include <vector>

#include "auspex/api/event_hub.h"
#include "auspex/api/routes.h"
#include "tests/api/client.h"
#include "tests/api/server_rig.h"

namespace auspex::api {
namespace {

// Both ends of each connection are in this process.
bool MayOpen(rlim_t descriptors) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min(descriptors, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur >= descriptors;
}

TEST(ServerCrowd, AThousandIdleConnectionsAndFiveHundredStreamsKeepNobodyOut) {
  ASSERT_TRUE(MayOpen(4000)) << "ulimit -Hn";
  EventHub hub;
  Routes routes;
  routes.Add(
      {.method = "GET", .pattern = "/", .handler = [](const HttpCall&) { return HttpReply{}; }});
  routes.Add({.method = "GET", .pattern = "/events", .handler = [&hub](const HttpCall& call) {
                return ServeEvents(hub, call);
              }});
  const auto server = StartServer(routes.ToHandler(), {.header_deadline = 1h});
  std::vector<std::unique_ptr<Client>> idle;
  std::vector<std::unique_ptr<Client>> streams;
  for (int i = 0; i < 1000; ++i) {
    idle.push_back(std::make_unique<Client>(server->port()));
    ASSERT_TRUE(idle.back()->connected());
    if (i % 2 == 0) continue;
    streams.push_back(std::make_unique<Client>(server->port()));
    streams.back()->Get("/events");
  }
  ASSERT_TRUE(Eventually([&hub] { return hub.readers() == 500; }));
  Client client(server->port());
  client.Get("/");
  EXPECT_EQ(client.ReadAnswer().status, 200);
  hub.Publish("e", "", "1");
  for (const auto& stream : streams) ASSERT_NE(stream->ReadThrough("data: 1\n\n"), "");
  for (const auto& connection : idle) {
    connection->Get("/");
    ASSERT_EQ(connection->ReadAnswer().status, 200);
  }
}

TEST(ServerCrowd, TheIdlestConnectionGivesWay) {
  const auto server = StartServer([](const HttpCall&) { return HttpReply{}; },
                                  {.connections = 3, .least_idle = 1ms});
  Client first(server->port());
  first.Get("/");
  EXPECT_EQ(first.ReadAnswer().status, 200);
  Client second(server->port());
  second.Get("/");
  EXPECT_EQ(second.ReadAnswer().status, 200);
  Client third(server->port());
  third.Get("/");
  EXPECT_EQ(third.ReadAnswer().status, 200);
  std::this_thread::sleep_for(5ms);  // longer than least_idle: all three have idled for that long
  Client fourth(server->port());
  fourth.Get("/");
  EXPECT_EQ(fourth.ReadAnswer().status, 200);
  EXPECT_TRUE(first.ReadToEnd());
  third.Get("/");
  EXPECT_EQ(third.ReadAnswer().status, 200);
}

TEST(ServerCrowd, StreamsDoNotGiveWay) {
  EventHub hub;
  const auto server = StartServer([&hub](const HttpCall& call) { return ServeEvents(hub, call); },
                                  {.connections = 1, .least_idle = 1ms});
  Client stream(server->port());
  stream.Get("/events");
  stream.ReadThrough("id: 0\n\n");
  std::this_thread::sleep_for(5ms);
  Client other(server->port());
  other.Get("/");
  EXPECT_EQ(other.ReadAnswer().status, 503);
  hub.Publish("e", "", "1");
  EXPECT_NE(stream.ReadThrough("\n\n"), "");
}

}  // namespace
}  // namespace auspex::api
