#include "auspex/api/event_hub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "auspex/api/http.h"

namespace auspex::api {
namespace {

std::string TakeAll(const EventSubscription& reader) {
  std::string text;
  for (std::string more = reader.Take().text; !more.empty(); more = reader.Take().text)
    text += more;
  return text;
}

EventSubscription MustSubscribe(EventHub& hub, std::string_view deployment = "",
                                std::optional<std::uint64_t> after = std::nullopt) {
  auto reader = hub.Subscribe(deployment, after);
  EXPECT_TRUE(reader.ok());
  return *std::move(reader);
}

TEST(EventHub, GivesIdsFromTheFirstUp) {
  EventHub hub({.first_id = 41});
  EXPECT_EQ(hub.Publish("decision", "d1", "{}"), 41U);
  EXPECT_EQ(hub.Publish("decision", "d1", "{}"), 42U);
}

TEST(EventHub, FirstIdByTimeGrowsOverRestarts) {
  EXPECT_LT(FirstEventId(FromMicros(1'700'000'000'000'000)) + 900'000,
            FirstEventId(FromMicros(1'700'000'001'000'000)));
  EXPECT_EQ(FirstEventId(FromMicros(-5)), 1U);
}

TEST(EventHub, SendsEventsInTheFormatOfServerSentEvents) {
  EventHub hub({.first_id = 7});
  const auto reader = MustSubscribe(hub);
  EXPECT_EQ(TakeAll(reader), "retry: 2000\nid: 6\n\n");
  hub.Publish("decision", "d1", R"({"a":1})");
  EXPECT_EQ(TakeAll(reader), "id: 7\nevent: decision\ndata: {\"a\":1}\n\n");
  EXPECT_EQ(TakeAll(reader), "");
}

TEST(EventHub, LineEndsForgeNoFields) {
  EventHub hub;
  const auto reader = MustSubscribe(hub);
  TakeAll(reader);
  hub.Publish("a\nid: 99", "", "1\r\n\nid: 98");
  EXPECT_EQ(TakeAll(reader), "id: 1\nevent: aid: 99\ndata: 1\ndata: \ndata: id: 98\n\n");
}

TEST(EventHub, ResumesAfterTheLastIdSeen) {
  EventHub hub;
  for (int i = 0; i < 5; ++i) hub.Publish("e", "d1", std::to_string(i));
  EXPECT_EQ(TakeAll(MustSubscribe(hub, "", 3)),
            "retry: 2000\nid: 3\n\nid: 4\nevent: e\ndata: 3\n\nid: 5\nevent: e\ndata: 4\n\n");
  EXPECT_EQ(TakeAll(MustSubscribe(hub, "", 5)), "retry: 2000\nid: 5\n\n");
}

TEST(EventHub, NothingWasMissedOverARestartWithoutEvents) {
  EventHub hub({.first_id = 100});
  EXPECT_EQ(TakeAll(MustSubscribe(hub, "", 99)), "retry: 2000\nid: 99\n\n");
}

TEST(EventHub, ResetsAReaderWhoseEventsAreGone) {
  EventHub hub({.first_id = 100, .kept = 2});
  for (int i = 0; i < 4; ++i) hub.Publish("e", "", "0");  // 102 and 103 are kept
  for (const std::uint64_t after : {0U, 50U, 100U, 104U, 5000U}) {
    const std::string text = TakeAll(MustSubscribe(hub, "", after));
    EXPECT_NE(text.find("id: 103\nevent: reset\n"), std::string::npos) << after;
    EXPECT_EQ(text.find("event: e\n"), std::string::npos) << after;
  }
  EXPECT_EQ(TakeAll(MustSubscribe(hub, "", 101)).find("reset"), std::string::npos);
}

TEST(EventHub, BoundsWhatItKeepsByBytesToo) {
  EventHub hub({.kept_bytes = 1000});
  for (int i = 0; i < 10; ++i) hub.Publish("e", "", std::string(300, 'x'));
  EXPECT_NE(TakeAll(MustSubscribe(hub, "", 2)).find("reset"), std::string::npos);
  EXPECT_EQ(TakeAll(MustSubscribe(hub, "", 9)).find("reset"), std::string::npos);
  hub.Publish("e", "", std::string(5000, 'x'));  // larger than all it may keep
  EXPECT_NE(TakeAll(MustSubscribe(hub, "", 9)).find("reset"), std::string::npos);
}

TEST(EventHub, FiltersByDeployment) {
  EventHub hub;
  const auto live = MustSubscribe(hub, "d1");
  hub.Publish("e", "d2", "2");
  hub.Publish("e", "d1", "1");
  hub.Publish("e", "", "0");
  const std::string expected = "id: 2\nevent: e\ndata: 1\n\n";
  EXPECT_EQ(TakeAll(live), "retry: 2000\nid: 0\n\n" + expected);
  EXPECT_EQ(TakeAll(MustSubscribe(hub, "d1", 1)), "retry: 2000\nid: 1\n\n" + expected);
}

TEST(EventHub, DropsAReaderThatFallsBehind) {
  EventHub hub({.queue = 3});
  const auto slow = MustSubscribe(hub);
  const auto quick = MustSubscribe(hub);
  for (int i = 0; i < 4; ++i) {
    hub.Publish("e", "", "0");
    TakeAll(quick);
  }
  EXPECT_EQ(slow.Take().state, EventBatch::State::kTooSlow);
  EXPECT_EQ(slow.Take().text, "");
  EXPECT_EQ(quick.state(), EventBatch::State::kOpen);
  EXPECT_EQ(hub.readers(), 1U);
}

TEST(EventHub, WhatAReaderMissedDoesNotMakeItSlow) {
  EventHub hub({.queue = 3});
  for (int i = 0; i < 100; ++i) hub.Publish("e", "", "0");
  const auto reader = MustSubscribe(hub, "", 0);
  for (int i = 0; i < 3; ++i) hub.Publish("e", "", "0");
  EXPECT_EQ(reader.state(), EventBatch::State::kOpen);
  hub.Publish("e", "", "0");
  EXPECT_EQ(reader.state(), EventBatch::State::kTooSlow);
}

TEST(EventHub, TakesInPiecesAndLosesNothing) {
  EventHub hub;
  const auto reader = MustSubscribe(hub);
  for (int i = 0; i < 100; ++i) hub.Publish("e", "", std::string(5000, 'x'));
  EXPECT_LT(reader.Take().text.size(), 80'000U);
  EXPECT_NE(TakeAll(reader).find("id: 100\n"), std::string::npos);
}

TEST(EventHub, WakesOnNewsOnSlownessAndOnTheEnd) {
  EventHub hub({.queue = 2});
  const auto reader = MustSubscribe(hub);
  int woken = 0;
  reader.OnReady([&woken] { ++woken; });
  EXPECT_EQ(woken, 1) << "the preamble waits";
  TakeAll(reader);
  hub.Publish("e", "", "0");
  EXPECT_EQ(woken, 2);
  hub.Publish("e", "", "0");
  EXPECT_EQ(woken, 2) << "it has not taken the first";
  hub.Publish("e", "", "0");
  EXPECT_EQ(woken, 3) << "too slow";
  const auto other = MustSubscribe(hub);
  other.OnReady([&woken] { ++woken; });
  hub.Close();
  EXPECT_EQ(woken, 5);
  EXPECT_EQ(other.state(), EventBatch::State::kClosed);
}

TEST(EventHub, BoundsItsReaders) {
  EventHub hub({.readers = 2});
  const auto first = MustSubscribe(hub);
  {
    const auto second = MustSubscribe(hub);
    const auto third = hub.Subscribe("", std::nullopt);
    ASSERT_FALSE(third.ok());
    EXPECT_EQ(third.error().code, ErrorCode::kUnavailable);
  }
  EXPECT_EQ(hub.readers(), 1U);
  first.Close();
  EXPECT_EQ(hub.readers(), 0U);
}

TEST(EventHub, OneTokenTakesAQuarterAndNoMore) {
  EventHub hub({.readers = 8});
  const auto first = hub.Subscribe("", std::nullopt, "ci");
  auto second = hub.Subscribe("", std::nullopt, "ci");
  ASSERT_TRUE(first.ok() && second.ok());
  const auto third = hub.Subscribe("", std::nullopt, "ci");
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(hub.Subscribe("", std::nullopt, "dashboard").ok());
  HttpCall call;
  call.caller.name = "ci";
  const HttpReply refusal = ServeEvents(hub, call);
  EXPECT_EQ(refusal.status, 429);
  EXPECT_NE(refusal.body.find("'ci' has 2 streams"), std::string::npos) << refusal.body;
  EXPECT_TRUE(std::any_of(refusal.headers.begin(), refusal.headers.end(),
                          [](const auto& header) { return header.first == "Retry-After"; }));
  second->Close();
  EXPECT_TRUE(hub.Subscribe("", std::nullopt, "ci").ok());
  // Without tokens nobody can be told from another.
  std::vector<EventSubscription> nameless;
  for (int i = 0; i < 6; ++i) nameless.push_back(MustSubscribe(hub));
}

TEST(EventHub, TakesNoReadersAfterItsEnd) {
  EventHub hub;
  hub.Close();
  hub.Publish("e", "", "0");
  EXPECT_EQ(hub.Subscribe("", std::nullopt).error().code, ErrorCode::kUnavailable);
}

TEST(EventHub, AReaderMayOutliveIt) {
  auto hub = std::make_unique<EventHub>();
  const auto reader = MustSubscribe(*hub);
  hub.reset();
  EXPECT_EQ(reader.Take().state, EventBatch::State::kClosed);
  reader.Close();
}

TEST(EventHub, EveryReaderSeesTheIdsInOrderWhoeverPublishes) {
  EventHub hub({.queue = 100'000});
  const auto reader = MustSubscribe(hub);
  std::atomic<bool> done = false;
  std::string text;
  std::thread taker([&] {
    while (!done) text += reader.Take().text;
    text += TakeAll(reader);
  });
  std::vector<std::thread> publishers;
  for (int t = 0; t < 3; ++t) {
    publishers.emplace_back([&hub] {
      for (int i = 0; i < 1000; ++i) hub.Publish("e", "d1", "0");
    });
  }
  for (int i = 0; i < 100; ++i) TakeAll(MustSubscribe(hub, "d1", 0));
  for (std::thread& publisher : publishers) publisher.join();
  done = true;
  taker.join();
  std::string expected = "retry: 2000\nid: 0\n\n";
  for (int i = 1; i <= 3000; ++i) expected += fmt::format("id: {}\nevent: e\ndata: 0\n\n", i);
  EXPECT_EQ(text, expected);
}

HttpReply Serve(EventHub& hub, Query query, Headers headers = {}) {
  HttpCall call;
  call.query = std::move(query);
  call.headers = std::move(headers);
  return ServeEvents(hub, call);
}

TEST(ServeEvents, TheHeaderWinsOverTheQuery) {
  EventHub hub;
  for (int i = 0; i < 3; ++i) hub.Publish("e", "", "0");
  const auto preamble = [&](Query query, Headers headers) {
    const HttpReply reply = Serve(hub, std::move(query), std::move(headers));
    return TakeAll(reply.events.value()).substr(0, 17);
  };
  EXPECT_EQ(preamble({{"last_event_id", "1"}}, {}), "retry: 2000\nid: 1");
  EXPECT_EQ(preamble({{"last_event_id", "1"}}, {{"last-event-id", "2"}}), "retry: 2000\nid: 2");
  EXPECT_EQ(preamble({}, {{"Last-Event-ID", ""}}), "retry: 2000\nid: 3");
}

TEST(ServeEvents, AnIdThatIsNoNumberResets) {
  EventHub hub;
  for (const char* id : {"abc", "-1", "1x", "99999999999999999999999", "18446744073709551615"}) {
    const HttpReply reply = Serve(hub, {{"last_event_id", id}});
    EXPECT_NE(TakeAll(reply.events.value()).find("event: reset"), std::string::npos) << id;
  }
}

TEST(ServeEvents, RefusesADeploymentThatCannotBeAndAFullHub) {
  EventHub hub({.readers = 0});
  EXPECT_EQ(Serve(hub, {{"deployment", "a b"}}).status, 400);
  const HttpReply full = Serve(hub, {{"deployment", "d1"}});
  EXPECT_EQ(full.status, 503);
  EXPECT_FALSE(full.events.has_value());
  EXPECT_EQ(full.headers.at(0).first, "Retry-After");
}

}  // namespace
}  // namespace auspex::api
