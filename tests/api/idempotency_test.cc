#include "auspex/api/idempotency.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>

#include "tests/api/server_rig.h"
#include "tests/rollout/temp_ledger.h"

namespace auspex::api {
namespace {

HttpCall Post(const std::string& key, const std::string& body = "{}",
              const std::string& caller = "") {
  HttpCall call;
  call.method = "POST";
  call.path = "/orders";
  call.body = body;
  call.caller.name = caller;
  if (!key.empty()) call.headers.emplace("Idempotency-Key", key);
  return call;
}

bool Has(const HttpReply& reply, const std::string& name) {
  for (const auto& [field, value] : reply.headers) {
    if (field == name) return true;
  }
  return false;
}

class IdempotencyTest : public ::testing::Test {
 protected:
  // As a daemon that starts: it remembers nothing but the ledger.
  void Restart() {
    ledger_.Open();
    memory_ = std::make_shared<Idempotency>(ledger_.get(), &clock_, &log_);
  }
  HttpReply Ask(const HttpCall& call) {
    return memory_->Wrap(
        [this](const HttpCall& one, const std::optional<storage::KeyedCall>& keyed) {
          keyed_ = keyed;
          return handler_(one);
        },
        [](const std::string& deployment) {
          HttpReply reply;
          reply.status = 202;
          reply.body = deployment + " now";
          return reply;
        })(call);
  }
  // As an order: stored together with the key of the call that is being carried out.
  bool TakeEffect(const std::string& on = "d1") {
    storage::Batch batch;
    batch.entries.push_back(
        {.at = clock_.Wall(), .deployment = "d1", .kind = "order", .body = "{}"});
    if (keyed_) batch.effects.push_back({.call = *keyed_, .deployment = on});
    return ledger_->Commit(batch).ok();
  }
  std::size_t Effects() {
    const auto entries = ledger_->Entries({.deployment = "d1", .kind = "order"});
    return entries.ok() ? entries->size() : 99;
  }

  SimulatedClock clock_{FromMicros(1'000'000'000'000'000)};
  Logger log_{LogLevel::kError};
  rollout::testing::TempLedger ledger_;
  std::atomic<int> calls_ = 0;
  std::optional<storage::KeyedCall> keyed_;
  int status_ = 201;
  Handler handler_ = [this](const HttpCall& call) {
    HttpReply reply;
    reply.status = status_;
    reply.body = fmt::format("answer {} to {}", ++calls_, call.body);
    reply.headers.emplace_back("Location", "/x");
    return reply;
  };
  std::shared_ptr<Idempotency> memory_ =
      std::make_shared<Idempotency>(ledger_.get(), &clock_, &log_);
};

TEST_F(IdempotencyTest, TheSameCallGetsTheFirstAnswer) {
  const HttpReply first = Ask(Post("k"));
  EXPECT_FALSE(Has(first, "Idempotency-Replayed"));
  const HttpReply again = Ask(Post("k"));
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_TRUE(Has(again, "Location"));
  EXPECT_TRUE(Has(again, "Idempotency-Replayed"));
  EXPECT_EQ(calls_, 1);
}

TEST_F(IdempotencyTest, AlsoAfterARestart) {
  const HttpReply first = Ask(Post("k"));
  Restart();
  const HttpReply again = Ask(Post("k"));
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.content_type, first.content_type);
  EXPECT_EQ(calls_, 1);
}

TEST_F(IdempotencyTest, AnotherCallUnderTheKeyIs422) {
  Ask(Post("k"));
  EXPECT_EQ(Ask(Post("k", R"({"a":1})")).status, 422);
  HttpCall elsewhere = Post("k");
  elsewhere.path = "/other";
  EXPECT_EQ(Ask(elsewhere).status, 422);
  Restart();
  EXPECT_EQ(Ask(Post("k", R"({"a":1})")).status, 422);
  EXPECT_EQ(calls_, 1);
}

TEST_F(IdempotencyTest, CallersHaveKeysOfTheirOwn) {
  Ask(Post("k", "{}", "alice"));
  const HttpReply other = Ask(Post("k", R"({"b":1})", "bob"));
  EXPECT_EQ(other.status, 201);
  EXPECT_EQ(calls_, 2);
}

TEST_F(IdempotencyTest, AnAnswerIsForgottenAfterADay) {
  Ask(Post("k"));
  clock_.Advance(std::chrono::hours(24) - 1s);
  Ask(Post("k"));
  EXPECT_EQ(calls_, 1);
  clock_.Advance(2s);
  EXPECT_EQ(Ask(Post("k", "new")).status, 201);
  EXPECT_EQ(calls_, 2);
}

TEST_F(IdempotencyTest, RefusalsAreKeptAndTroubleIsNot) {
  status_ = 404;
  Ask(Post("refused"));
  status_ = 201;
  EXPECT_EQ(Ask(Post("refused")).status, 404);
  status_ = 503;
  EXPECT_EQ(Ask(Post("trouble")).status, 503);
  status_ = 201;
  EXPECT_EQ(Ask(Post("trouble")).status, 201);
  EXPECT_EQ(calls_, 3);
}

TEST_F(IdempotencyTest, WithoutAKeyEachCallIsCarriedOut) {
  Ask(Post(""));
  Ask(Post(""));
  EXPECT_EQ(calls_, 2);
}

TEST_F(IdempotencyTest, RefusesKeysThatAreNone) {
  for (const std::string& key :
       {std::string(" "), std::string(256, 'k'), std::string("a b"), std::string("\xc3\xa4")}) {
    EXPECT_EQ(Ask(Post(key)).status, 400) << key;
  }
  HttpCall empty = Post("");
  empty.headers.emplace("Idempotency-Key", "");
  EXPECT_EQ(Ask(empty).status, 400);
  HttpCall twice = Post("k");
  twice.headers.emplace("Idempotency-Key", "l");
  EXPECT_EQ(Ask(twice).status, 400);
  EXPECT_EQ(Ask(Post(std::string(255, 'k'))).status, 201);
  EXPECT_EQ(calls_, 1);
}

// A handler that waits until it is let go.
class Gated {
 public:
  HttpReply Wait() {
    inside_ = true;
    gate_.get_future().wait();
    return {};
  }
  [[nodiscard]] bool inside() const { return inside_; }
  void Open() { gate_.set_value(); }

 private:
  std::promise<void> gate_;
  std::atomic<bool> inside_ = false;
};

TEST_F(IdempotencyTest, OneThatWaitsHoldsUpNobody) {
  Gated gate;
  const Handler fast = handler_;
  handler_ = [&](const HttpCall& call) { return call.body == "slow" ? gate.Wait() : fast(call); };
  auto slow = std::async(std::launch::async, [this] { return Ask(Post("slow", "slow")); });
  ASSERT_TRUE(Eventually([&gate] { return gate.inside(); }));
  EXPECT_EQ(Ask(Post("other")).status, 201);
  const HttpReply twice = Ask(Post("slow", "slow"));
  EXPECT_EQ(twice.status, 409) << "the first is under way";
  EXPECT_TRUE(Has(twice, "Retry-After"));
  gate.Open();
  EXPECT_EQ(slow.get().status, 200);
  EXPECT_EQ(Ask(Post("slow", "slow")).status, 200);
}

// A daemon that was killed between taking the key and doing anything.
TEST_F(IdempotencyTest, ACallThatWasBegunAndTookNoEffectIsCarriedOut) {
  const HttpCall call = Post("k");
  ASSERT_TRUE(ledger_
                  ->ClaimKey({.caller = "", .key = "k", .call = HashSha256("POST /orders\n{}")},
                             clock_.Wall(), clock_.Wall() - 1h)
                  .ok());
  Restart();
  EXPECT_EQ(Ask(Post("k", "other")).status, 422);
  const HttpReply reply = Ask(call);
  EXPECT_EQ(reply.status, 201);
  EXPECT_FALSE(Has(reply, "Idempotency-Replayed"));
  EXPECT_TRUE(Has(Ask(call), "Idempotency-Replayed"));
  EXPECT_EQ(calls_, 1);
}

TEST_F(IdempotencyTest, AnAnswerThatWasLostAfterTheEffectIsMadeAnew) {
  handler_ = [this](const HttpCall&) -> HttpReply {
    ++calls_;
    EXPECT_TRUE(TakeEffect());
    throw std::runtime_error("no");
  };
  EXPECT_THROW(Ask(Post("k")), std::runtime_error);
  Restart();
  const HttpReply again = Ask(Post("k"));
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(again.body, "d1 now");
  EXPECT_TRUE(Has(again, "Idempotency-Replayed"));
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(Effects(), 1u);
}

// 503 "this may yet take effect", and then it does.
TEST_F(IdempotencyTest, AnEffectThatCameAfterItsAnswerWasGivenUpIsTheAnswer) {
  status_ = 503;
  const Handler inner = handler_;
  handler_ = [&](const HttpCall& call) {
    EXPECT_TRUE(TakeEffect());
    return inner(call);
  };
  EXPECT_EQ(Ask(Post("k")).status, 202);
  EXPECT_EQ(Ask(Post("k")).status, 202);
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(Effects(), 1u);
}

TEST_F(IdempotencyTest, WhatWasGivenUpTakesNoEffectLater) {
  status_ = 503;
  EXPECT_EQ(Ask(Post("k")).status, 503);
  EXPECT_FALSE(TakeEffect()) << "the key was given back with the 503";
  // Nor beside the call that is repeated, should it come between its start and its end.
  status_ = 201;
  const Handler inner = handler_;
  handler_ = [&](const HttpCall& call) {
    EXPECT_TRUE(TakeEffect()) << "of the first call: the same key, the same call";
    HttpReply reply = inner(call);
    if (!TakeEffect()) reply.status = 409;
    return reply;
  };
  EXPECT_EQ(Ask(Post("k")).status, 202);
  EXPECT_EQ(Effects(), 1u);
}

// What an older daemon left: it stored no effects with keys, so the migration says "not known".
TEST_F(IdempotencyTest, OfAKeyFromBeforeEffectsWereStoredNobodyKnows) {
  handler_ = [this](const HttpCall&) -> HttpReply {
    ++calls_;
    EXPECT_TRUE(TakeEffect(""));
    throw std::runtime_error("no");
  };
  EXPECT_THROW(Ask(Post("k")), std::runtime_error);
  const HttpReply reply = Ask(Post("k"));
  EXPECT_EQ(reply.status, 409);
  EXPECT_NE(reply.body.find("nobody knows"), std::string::npos);
  EXPECT_EQ(calls_, 1);
}

}  // namespace
}  // namespace auspex::api
