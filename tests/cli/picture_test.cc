#include "auspex/cli/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace auspex::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Folded, BreaksAtSpacesAndNeverInACharacter) {
  EXPECT_THAT(Folded("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(Folded("……… ……", 6), ElementsAre("……… ……"));  // three bytes each
  EXPECT_THAT(Folded("……… ……", 5), ElementsAre("………", "……"));
  EXPECT_THAT(Folded("a  word-that-is-long b", 4), ElementsAre("a", "word-that-is-long", "b"));
  EXPECT_THAT(Folded("", 4), IsEmpty());
  EXPECT_THAT(Folded(" ", 4), IsEmpty());
}

TEST(Folded, NeverBreaksACommand) {
  EXPECT_THAT(Folded("held: `auspex rollout promote d --reason …`, or abort", 20),
              ElementsAre("held:", "`auspex rollout promote d --reason …`,", "or abort"));
  // A backtick alone opens nothing.
  EXPECT_THAT(Folded("a ` b c", 3), ElementsAre("a `", "b c"));
}

}  // namespace
}  // namespace auspex::cli
