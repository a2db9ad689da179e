#include "lab/simulator/policies/kayenta.h"

#include <gtest/gtest.h>

#include "tests/lab/simulator/hand_made.h"

namespace auspex::lab::simulator {
namespace {

using testing::Feed;
using testing::Hand;
using testing::Promoted;
using testing::RolledBack;

Deployment Healthy() {
  std::uint64_t number = 1;
  while (DrawDeployment(number).bad || DrawDeployment(number).nuisance.kind != NuisanceKind::kNone)
    ++number;
  return DrawDeployment(number);
}

TEST(Kayenta, PassesAHealthyCanaryAfterAnHour) {
  const Deployment d = Healthy();
  const Traffic traffic(d);
  KayentaRun run(&traffic);
  double now_s = 0.0;
  const Hand hand = {.requests = 10'000, .errors = 10};
  while (!run.Next().ended) Feed(&run, &now_s, hand, hand);
  EXPECT_TRUE(Promoted(run));
  EXPECT_EQ(now_s, 3600.0);
}

// A clear failure is seen at the first look, ten minutes in, not before.
TEST(Kayenta, FailsAtTheFirstLook) {
  const Deployment d = Healthy();
  const Traffic traffic(d);
  KayentaRun run(&traffic);
  double now_s = 0.0;
  std::int64_t errors = 1000;
  while (!run.Next().ended)
    Feed(&run, &now_s, {.requests = 10'000, .errors = ++errors},
         {.requests = 10'000, .errors = errors - 900});
  EXPECT_TRUE(RolledBack(run));
  EXPECT_EQ(now_s, 600.0);
}

}  // namespace
}  // namespace auspex::lab::simulator
