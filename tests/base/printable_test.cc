#include "auspex/base/printable.h"

#include <gtest/gtest.h>

#include <string>

namespace auspex {
namespace {

TEST(Printable, LeavesNothingThatATerminalObeys) {
  EXPECT_EQ(Printable("adds 3 lines \xc3\xa4"), "adds 3 lines \xc3\xa4");
  EXPECT_EQ(Printable("\x1b[2J\n\x7f\xc2\x9b"), "?[2J???");
  EXPECT_EQ(Printable("\xc2\xa0"), "\xc2\xa0");
}

TEST(Printable, CutsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(Printable("abcdef", 6), "abcdef");
  EXPECT_EQ(Printable("abcdefg", 6), "abc…");
  EXPECT_EQ(Printable("ab\xc3\xa4\xc3\xa4\xc3\xa4", 6), "ab…");
  EXPECT_EQ(Printable("abcd", 3), "…");
}

}  // namespace
}  // namespace auspex
