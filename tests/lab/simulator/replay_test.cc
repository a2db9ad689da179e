#include "auspex/rollout/replay.h"

#include <gtest/gtest.h>

#include "lab/simulator/policies/ours.h"

// Whole simulated rollouts, recorded as the daemon records them, decided again bit for bit. Blocks
// of 125, a ctest each, so that they run side by side.
namespace auspex::lab::simulator {
namespace {

storage::Entry EntryOf(std::int64_t seq, const char* kind, std::string body) {
  storage::Entry entry;
  entry.seq = seq;
  entry.at = WallTime(std::chrono::seconds(seq));
  entry.deployment = "d";
  entry.kind = kind;
  entry.body = std::move(body);
  return entry;
}

std::vector<storage::Entry> Record(const Deployment& d, const AuspexRun::Options& options) {
  AuspexRun run(d, options);
  Traffic traffic(d);
  rollout::Announced announced;
  announced.id = "d";
  announced.service = "service";
  announced.version = "v2";
  announced.actor = "ann";
  announced.backend = "service";
  announced.baseline = "a";
  announced.canary = "b";
  announced.spec = SpecOf(d, options);
  std::vector<storage::Entry> entries = {
      EntryOf(1, "announced", rollout::AnnouncedJson(announced, run.decision()))};
  for (double t = 0.0; t < kHorizonSeconds && !run.Next().ended; t += options.tick_s) {
    run.See(t, traffic.Draw(t, options.tick_s, run.Next().split, run.Next().edges));
    entries.push_back(EntryOf(static_cast<std::int64_t>(entries.size()) + 1, "tick",
                              rollout::TickJson(run.inputs(), run.decision(), "d")));
  }
  return entries;
}

class Replay : public ::testing::TestWithParam<int> {};

TEST_P(Replay, DecidesSimulatedRolloutsAgainBitForBit) {
  constexpr std::uint64_t kBlock = 125;
  static constexpr rollout::Mode kModes[] = {rollout::Mode::kFast, rollout::Mode::kBalanced,
                                             rollout::Mode::kCareful};
  const std::uint64_t first = 20'001 + kBlock * static_cast<std::uint64_t>(GetParam());
  for (std::uint64_t number = first; number < first + kBlock; ++number) {
    const AuspexRun::Options options{.mode = kModes[number % 3], .memory = number % 2 == 0};
    const std::vector<storage::Entry> entries = Record(DrawDeployment(number), options);
    const auto replayed = rollout::Replay(entries);
    ASSERT_TRUE(replayed.ok()) << number << ": " << replayed.error().message;
    EXPECT_EQ(replayed->decisions, static_cast<std::int64_t>(entries.size())) << number;
    EXPECT_TRUE(replayed->differences.empty()) << number << ": " << replayed->differences.front();
  }
}
// Ticks of a second, planned shares, the fuse: fewer, for each has thousands of ticks.
TEST(ReplaySwift, DecidesSimulatedRolloutsAgainBitForBit) {
  for (std::uint64_t number = 22'001; number <= 22'012; ++number) {
    const AuspexRun::Options options{.tick_s = number % 2 == 0 ? 1.0 : 2.0,
                                     .memory = true,
                                     .pace = rollout::Pace::kSwift,
                                     .fuse = number % 3 != 0};
    const std::vector<storage::Entry> entries = Record(DrawDeployment(number), options);
    const auto replayed = rollout::Replay(entries);
    ASSERT_TRUE(replayed.ok()) << number << ": " << replayed.error().message;
    EXPECT_TRUE(replayed->differences.empty()) << number << ": " << replayed->differences.front();
  }
}
INSTANTIATE_TEST_SUITE_P(Thousand, Replay, ::testing::Range(0, 8));

}  // namespace
}  // namespace auspex::lab::simulator
