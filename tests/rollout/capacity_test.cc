#include "auspex/rollout/capacity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "auspex/rollout/adaptive.h"
#include "auspex/rollout/codec.h"
#include "auspex/rollout/rollout.h"

namespace auspex::rollout {
namespace {

using ::testing::HasSubstr;

Weight Bp(int bp) { return Weight::FromBp(bp).value_or(Weight::Zero()); }

Load Loads(int given_bp, double per_s = 100.0) {
  const double w = given_bp / 1e4;
  return {.given = Bp(given_bp),
          .per_s = per_s,
          .canary = {.requests = w * per_s},
          .baseline = {.requests = (1 - w) * per_s}};
}

rc::Gen<ArmLoad> Arms() {
  return rc::gen::map(rc::gen::tuple(rc::gen::inRange(0, 300), rc::gen::inRange(0, 100),
                                     rc::gen::element(0, 0, 0, 7), rc::gen::element(0, 0, 20, 100),
                                     rc::gen::element(true, true, true, false)),
                      [](const std::tuple<int, int, int, int, bool>& t) {
                        return ArmLoad{.requests = static_cast<double>(std::get<0>(t)),
                                       .in_flight = static_cast<double>(std::get<1>(t)),
                                       .queued = static_cast<double>(std::get<2>(t)),
                                       .most_in_flight = static_cast<double>(std::get<3>(t)),
                                       .up = std::get<4>(t)};
                      });
}

rc::Gen<Load> AnyLoad() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::inRange(0, 10'001), rc::gen::inRange(0, 1000), Arms(), Arms()),
      [](const std::tuple<int, int, ArmLoad, ArmLoad>& t) {
        return Load{.given = Bp(std::get<0>(t)),
                    .per_s = static_cast<double>(std::get<1>(t)),
                    .canary = std::get<2>(t),
                    .baseline = std::get<3>(t)};
      });
}

RC_GTEST_PROP(Capacity, BoundsHoldWhateverTheRouterSaw, ()) {
  Carried carried;
  for (const Load& load : *rc::gen::container<std::vector<Load>>(AnyLoad())) {
    const Carried before = carried;
    carried = Carry(carried, load);
    RC_ASSERT(carried.canary_per_s >= before.canary_per_s);
    RC_ASSERT(carried.baseline_per_s >= before.baseline_per_s);
  }
  const Load now = *AnyLoad();
  const WeightBounds bounds = BoundsFor(carried, now, {});
  // The way down never asks for more than there is, nor for what is hardly any change.
  RC_ASSERT(bounds.least <= now.given);
  if (now.baseline.up && (1 - now.given.share()) * kLoadSlack >= 1)
    RC_ASSERT(bounds.least == Weight::Zero());
  // A bound says why, and only a bound.
  RC_ASSERT((bounds.least > Weight::Zero()) <= !bounds.why_least.empty());
  RC_ASSERT((bounds.most < Weight::Whole()) == !bounds.why_most.empty());
  // The canary's load does not more than double, and stays within its maxconn.
  if (carried.canary_per_s > 0 && now.per_s > 0)
    RC_ASSERT(bounds.most.share() * now.per_s <= kLoadGrowth * carried.canary_per_s * (1 + 1e-9));
  if (now.canary.full()) RC_ASSERT(bounds.most <= now.given);
  // More room never narrows a bound.
  Load roomier = now;
  roomier.canary.most_in_flight = roomier.baseline.most_in_flight = 0;
  roomier.canary.queued = roomier.baseline.queued = 0;
  const WeightBounds wider = BoundsFor(carried, roomier, {});
  RC_ASSERT(wider.least <= bounds.least);
  RC_ASSERT(wider.most >= bounds.most);
}

RC_GTEST_PROP(Capacity, ABaselineThatIsNeverFullTakesAllBackInAFewSteps, ()) {
  const int from_bp = *rc::gen::inRange(1, 9'900);
  const double once = *rc::gen::inRange(1, 100);
  Carried carried;
  carried.baseline_per_s = once;  // of 100 requests/s now
  Weight now = Bp(from_bp);
  int steps = 0;
  for (; now > Weight::Zero(); ++steps) {
    RC_ASSERT(steps < 9);
    const Load load = Loads(now.bp());
    carried = Carry(carried, load);
    const Weight next = BoundsFor(carried, load, {}).least;
    const double before = 1 - now.share(), after = 1 - next.share();
    RC_ASSERT(after <= std::max({kLoadGrowth * before, kLoadSlack * carried.baseline_per_s / 100.0,
                                 kLoadSlack * before}) +
                           1e-4);
    RC_ASSERT(next < now);
    now = next;
  }
}

// A canary with so many errors that the first look proves it.
Inputs Tick(double t_s, int canary, int errors, int baseline) {
  Inputs inputs;
  inputs.window.t_s = t_s;
  inputs.window.canary.requests = canary;
  inputs.window.canary.errors = errors;
  inputs.window.baseline.requests = baseline;
  inputs.load_known = true;
  return inputs;
}

class Retreat : public ::testing::Test {
 protected:
  Retreat() {
    RolloutSpec spec;
    spec.tick_s = 5;
    spec.requests_per_s = 100;
    spec.warm_up_s = 1;
    spec.policy = Policy::kSteps;
    spec.steps = {{.weight = Bp(9'000), .for_s = 1000}};
    turn_ = Start(spec);
  }
  // As stored and read back: what is replayed must decide the same.
  const Decision& Go(const Inputs& inputs) {
    const auto stored = InputsFromJson(ToJson(inputs));
    EXPECT_TRUE(stored.ok());
    turn_ = Advance(turn_.next, *stored);
    return turn_.decision;
  }
  Inputs Bad() { return Tick(turn_.next.last.t_s + 5, 450, 300, 50); }
  Turn turn_;
};

TEST_F(Retreat, AtOnceWhereTheBaselineHasCarriedAllOfIt) {
  turn_.next.carried.baseline_per_s = 100;
  EXPECT_EQ(Go(Bad()).action, Action::kRollBack);
}

TEST_F(Retreat, AtOnceWhereNothingIsKnownOfTheLoad) {
  Inputs bad = Bad();
  bad.load_known = false;
  EXPECT_EQ(Go(bad).action, Action::kRollBack);
}

TEST_F(Retreat, InStepsWhereTheBaselineHasNotAndItStaysARollback) {
  const Decision first = Go(Bad());
  EXPECT_EQ(first.action, Action::kLimit);
  EXPECT_EQ(first.weight, Bp(8'000));  // 10 % of the traffic, twice as much
  EXPECT_FALSE(first.verdict);
  EXPECT_THAT(first.reason, HasSubstr("rolled back in steps: the baseline has carried"));
  // What is proven stays so, whatever the canary does now.
  std::vector<int> weights;
  while (turn_.next.phase != Phase::kEnded) {
    Inputs good = Tick(turn_.next.last.t_s + 5, 100, 0, 400);
    good.weight_given = turn_.next.asked;
    good.orders.push_back(
        {.kind = Order::Kind::kPromote, .weight = {}, .actor = "ann", .reason = "it is fine"});
    weights.push_back(Go(good).weight.bp());
    ASSERT_LT(weights.size(), 9U);
  }
  EXPECT_EQ(weights, (std::vector<int>{6'000, 2'000, 0}));
  EXPECT_EQ(turn_.decision.action, Action::kRollBack);
  EXPECT_EQ(turn_.decision.verdict, Verdict::kFail);
  EXPECT_EQ(turn_.decision.by, "evidence");
}

TEST_F(Retreat, AFullBaselineDelaysItByAtMostThirtySeconds) {
  const double from = turn_.next.last.t_s + 5;
  while (turn_.next.phase != Phase::kEnded) {
    Inputs bad = Bad();
    bad.window.baseline.queued = 3;
    bad.weight_given = turn_.next.asked;
    const Decision& decision = Go(bad);
    ASSERT_LE(decision.t_s - from, kLongestLowering);
    if (turn_.next.phase != Phase::kEnded) {
      EXPECT_EQ(decision.weight, Bp(9'000));
    }
  }
  EXPECT_EQ(turn_.decision.t_s - from, kLongestLowering);
  EXPECT_THAT(turn_.decision.reason, HasSubstr("after 30 s"));
}

// The room below maxconn is for weights that could as well be others.
TEST_F(Retreat, AtOnceIntoTheWholeOfWhatTheBaselineTakes) {
  turn_.next.carried.baseline_per_s = 100;
  Inputs bad = Bad();
  bad.window.baseline.in_flight = 10;  // of a tenth of the traffic
  bad.window.baseline.most_in_flight = 102;
  EXPECT_EQ(Go(bad).action, Action::kRollBack);
}

// Ski rental: a canary that fails many is not kept for as long as one that fails few.
TEST_F(Retreat, EndsWhenTheCanaryHasHarmedAsManyAsADrownedBaseline) {
  const double from = turn_.next.last.t_s + 5;
  while (turn_.next.phase != Phase::kEnded) {
    Inputs bad = Bad();
    bad.window.canary.harmed = bad.window.canary.errors;
    bad.window.baseline.queued = 3;
    bad.weight_given = turn_.next.asked;
    ASSERT_LE(Go(bad).t_s - from, kLongestLowering);
  }
  EXPECT_EQ(turn_.decision.t_s - from, 20.0);  // 4 times 300 of the 1,000 of two ticks
  EXPECT_THAT(turn_.decision.reason, HasSubstr("1200 more were harmed in steps"));
}

TEST_F(Retreat, HarmDoesNotHurryItToABaselineThatIsDown) {
  turn_.next.carried.baseline_per_s = 100;
  const double from = turn_.next.last.t_s + 5;
  while (turn_.next.phase != Phase::kEnded) {
    Inputs bad = Bad();
    bad.window.canary.harmed = bad.window.canary.errors;
    bad.window.baseline.up = false;
    Go(bad);
  }
  EXPECT_EQ(turn_.decision.t_s - from, kLongestLowering);
}

// A queue that is over stops a proven fault's way down no longer, and that of a suspicion it does.
TEST(Capacity, WhereTheBaselineHadAQueueASuspicionGivesItNoMore) {
  Load load = Loads(6'000);
  load.baseline.queued = 4;
  Carried carried;
  carried.baseline_per_s = 100;
  carried = Carry(carried, load);
  load.baseline.queued = 0;
  EXPECT_EQ(BoundsFor(carried, load, {}).least, Bp(6'000));
  EXPECT_EQ(BoundsFor(carried, load, {.proven_bad = true}).least, Bp(2'000));
  load.seconds = kCalmSeconds;
  carried = Carry(carried, load);
  EXPECT_EQ(BoundsFor(carried, load, {}).least, Bp(5'000));  // 1.25 times as much
}

// A canary that takes 60 of 100 requests/s, and a pace that would give it all: ticks with a queue
// in an hour of them.
TEST(Capacity, AWeightDoesNotFlapAcrossThePointWhereAQueueForms) {
  constexpr double kTakes = 60.0, kTick = 5.0;
  Carried carried;
  Weight now = Bp(200);
  int queued = 0;
  int most_bp = 0;
  for (int i = 0; i < 720; ++i) {
    Load load = Loads(now.bp());
    load.seconds = kTick;
    load.canary.queued = now.share() * load.per_s > kTakes ? 5.0 : 0.0;
    queued += load.canary.queued > 0 ? 1 : 0;
    carried = Carry(carried, load);
    now = std::min(BoundsFor(carried, load, {}).most, Bp(9'500));
    if (i >= 20) most_bp = std::max(most_bp, now.bp());
  }
  EXPECT_GE(queued, 2);   // it is tried again,
  EXPECT_LE(queued, 14);  // once in five minutes, and each time may take two ticks to be over
  EXPECT_LE(most_bp, 7'500);
}

TEST_F(Retreat, NotAtOnceToABaselineThatIsDown) {
  turn_.next.carried.baseline_per_s = 100;
  for (int i = 0; i < 3; ++i) {
    Inputs bad = Bad();
    bad.window.baseline.up = false;
    EXPECT_EQ(Go(bad).weight, Bp(9'000));
    EXPECT_THAT(turn_.decision.reason, HasSubstr("the baseline is down"));
  }
  EXPECT_EQ(Go(Bad()).action, Action::kRollBack);
}

TEST(Capacity, ABaselineThatLivesNearItsLimitKeepsNoCanaryFromIt) {
  Load load = Loads(0);
  load.canary.most_in_flight = load.baseline.most_in_flight = 100;
  load.baseline.in_flight = 95;
  const Carried carried = Carry({}, load);
  EXPECT_EQ(BoundsFor(carried, load, {.growth = false}).most, Weight::Whole());
  // Where nobody was seen to carry it, it is.
  Carried unseen;
  unseen.baseline_in_flight = 95;
  unseen.any = true;
  EXPECT_EQ(BoundsFor(unseen,
                      [&] {
                        Load now = load;
                        now.given = Bp(100);
                        return now;
                      }(),
                      {.growth = false})
                .most,
            Bp(8'421));
}

// Whoever is told what stands against it may still take the whole of it.
TEST_F(Retreat, APersonsPromotionIsNotCapped) {
  Inputs full = Tick(turn_.next.last.t_s + 5, 450, 0, 50);
  full.window.canary.queued = 9;
  full.orders.push_back(
      {.kind = Order::Kind::kPromote, .weight = {}, .actor = "ann", .reason = "it is fine"});
  EXPECT_EQ(Go(full).action, Action::kPromote);
  EXPECT_EQ(turn_.decision.by, "manual");
}

TEST_F(Retreat, ADownCanaryIsNotHeldUp) {
  Inputs down = Bad();
  down.window.canary.up = false;
  EXPECT_EQ(Go(down).weight, Weight::Zero());
}

TEST(Capacity, NoPromotionBeyondWhatTheCanaryTakes) {
  RolloutSpec spec;
  spec.tick_s = 5;
  spec.requests_per_s = 100;
  spec.policy = Policy::kSteps;
  spec.steps = {{.weight = Bp(5'000), .for_s = 5}};
  Turn turn = Start(spec);
  Inputs good = Tick(5, 250, 0, 250);
  good.window.canary.in_flight = good.window.baseline.in_flight = 40;
  good.window.canary.most_in_flight = 60;
  turn = Advance(turn.next, good);
  EXPECT_EQ(turn.next.phase, Phase::kRunning);
  EXPECT_EQ(turn.decision.weight, Bp(6'250));  // 1.25 * 40 of 80
  EXPECT_THAT(turn.decision.reason, HasSubstr("maxconn"));
  good.window.t_s = 10;
  good.window.canary.queued = 1;
  good.weight_given = turn.next.asked;
  turn = Advance(turn.next, good);
  EXPECT_EQ(turn.decision.weight, Bp(5'000));  // full: back off
}

}  // namespace
}  // namespace auspex::rollout
