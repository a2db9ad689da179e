#include <gtest/gtest.h>

#include "auspex/rollout/end_counter.h"
#include "tests/rollout/streams.h"

// tests/reference/ says what both paces mean; DecideStream must say the same.
namespace auspex::rollout {
namespace {

void ExpectAll(std::map<std::string, int> seen, std::initializer_list<const char*> all) {
  // The streams were worth it: everything that can be said was.
  for (const char* what : all) EXPECT_GT(seen[what], 0) << what;
  // And no deployment ended in a way that would be counted from nowhere.
  for (const auto& [what, count] : seen) {
    const bool known = std::any_of(KnownEnds().begin(), KnownEnds().end(), [&](const End& end) {
      return what == fmt::format("{} by {}", Name(end.verdict), end.by);
    });
    EXPECT_TRUE(known || what.find(" by ") == std::string::npos) << what;
  }
}

TEST(Differential, ClassicSaysWhatTheReferenceSays) {
  ExpectAll(testing::CompareWith("controller.py", {.rollouts = 150, .seed = 20240607}),
            {"error", "advance", "hold", "limit", "promote", "roll_back", "fail by evidence",
             "fail by prediction", "fail by canary down", "fail by rule", "pass by ",
             "not_proven by deadline"});
}

TEST(Differential, SwiftSaysWhatTheReferenceSays) {
  ExpectAll(
      testing::CompareWith("swift.py", {.rollouts = 120, .seed = 20240608, .pace = Pace::kSwift}),
      {"error", "advance", "hold", "limit", "promote", "roll_back", "fail by evidence",
       "fail by prediction", "fail by canary down", "pass by ", "not_proven by deadline"});
}

}  // namespace
}  // namespace auspex::rollout
