#include "auspex/change/git/patch_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "auspex/change/git/blame.h"

namespace auspex::change::git {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string kOne(40, '1');
const std::string kTwo(40, '2');

std::string Small() {
  return kOne +
         "\ndiff --git a/a.c b/b.c\nsimilarity index 90%\nrename from a.c\nrename to b.c\n"
         "index 111..222 100644\n--- a/a.c\n+++ b/b.c\n"
         "@@ -3,2 +3 @@ int main() {\n-one\n--- two\n+" +
         kTwo +
         "\n\\ No newline at end of file\n@@ -9,0 +9,1 @@\n+++ plus\n"
         "diff --git a/x.png b/x.png\nindex 1..2 100644\nBinary files a/x.png and b/x.png "
         "differ\n" +
         kTwo +
         "\ndiff --git \"a/tab\\there\" \"b/tab\\there\"\ndeleted file mode 100644\n--- "
         "\"a/tab\\t\\303\\244\"\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";
}

std::vector<CommitPatch> Parse(std::string_view text, std::size_t piece) {
  PatchParser parser;
  while (!text.empty()) {
    EXPECT_TRUE(parser.Feed(text.substr(0, piece)).ok());
    text.remove_prefix(std::min(piece, text.size()));
  }
  EXPECT_TRUE(parser.Finish().ok());
  std::vector<CommitPatch> patches;
  while (auto patch = parser.Next()) patches.push_back(*std::move(patch));
  return patches;
}

// Content that looks like a header, or like the next commit, stays content.
TEST(PatchParser, ReadsHunksByTheCountsOfTheirHeaders) {
  const auto patches = Parse(Small(), 4096);
  ASSERT_THAT(patches, SizeIs(2));
  ASSERT_THAT(patches[0].files, SizeIs(2));
  EXPECT_EQ(patches[0].id.text(), kOne);
  EXPECT_EQ(patches[0].files[0],
            (FilePatch{"a.c", "b.c", {{3, {"one", "-- two"}, {kTwo}}, {9, {}, {"++ plus"}}}}));
  EXPECT_THAT(patches[0].files[1].hunks, IsEmpty());
  EXPECT_EQ(patches[1].files, (std::vector<FilePatch>{{"tab\t\xc3\xa4", "", {{1, {"x"}, {}}}}}));
}

RC_GTEST_PROP(PatchParser, DoesNotDependOnThePieces, ()) {
  const auto piece = *rc::gen::inRange<std::size_t>(1, 50);
  const auto whole = Parse(Small(), 1U << 20U);
  const auto pieces = Parse(Small(), piece);
  RC_ASSERT(whole.size() == pieces.size());
  for (std::size_t i = 0; i < whole.size(); ++i) RC_ASSERT(whole[i].files == pieces[i].files);
}

TEST(PatchParser, RefusesWhatIsNoPatch) {
  const auto refused = [](std::string_view text) {
    PatchParser parser;
    auto fed = parser.Feed(text);
    if (fed.ok()) fed = parser.Finish();
    EXPECT_FALSE(fed.ok()) << text;
    return fed.ok() ? std::string() : fed.error().message;
  };
  EXPECT_THAT(refused("hello\n"), HasSubstr("line 1: lines before any commit"));
  EXPECT_THAT(refused(kOne + "\n@@ -1 +1 @@\n"), HasSubstr("a hunk of no file"));
  EXPECT_THAT(refused(kOne + "\ndiff --git a/a b/a\n@@ -x +1 @@\n"), HasSubstr("does not read"));
  EXPECT_THAT(refused(kOne + "\ndiff --git a/a b/a\n@@ -1 +1 @@\n-a\n-b\n"),
              HasSubstr("more lines"));
  EXPECT_THAT(refused(kOne + "\ndiff --git a/a b/a\n@@ -1 +1 @@\n a\n"), HasSubstr("neither"));
  EXPECT_THAT(refused(kOne + "\ndiff --git a/a b/a\n@@ -1 +1 @@\n-a\n"),
              HasSubstr("ends too early"));
  EXPECT_THAT(refused(kOne), HasSubstr("ends too early"));
}

TEST(PatchParser, KeepsNothingOfACommitThatIsTooLarge) {
  std::string text = kOne + "\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -0,0 +1,30000 @@\n";
  for (int i = 0; i < 30'000; ++i) text += "+" + std::string(2'000, 'x') + "\n";
  text += kTwo + "\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+" +
          std::string(2'000, 'x') + "\n";
  const auto patches = Parse(text, 65'536);
  ASSERT_THAT(patches, SizeIs(2));
  EXPECT_TRUE(patches[0].cut);
  EXPECT_THAT(patches[0].files, IsEmpty());
  EXPECT_EQ(patches[1].files[0].hunks[0].added[0].size(), PatchParser::kLineBytesMost);
}

TEST(ParseBlame, CountsTheLinesOfEachCommit) {
  const std::string details = "author A\nsummary boundary\nfilename a.c\n";
  const auto blames =
      ParseBlame(kTwo + " 1 1 2\n" + details + kOne + " 3 3 1\nauthor B\nboundary\nfilename a.c\n" +
                 kTwo + " 9 9 1\nfilename a.c\n");
  ASSERT_TRUE(blames.ok());
  EXPECT_THAT(*blames, ElementsAre(Blame{*CommitId::FromHex(kTwo), 3}));
  EXPECT_THAT(*ParseBlame(""), IsEmpty());
  for (const std::string& text : {std::string("x\n"), kOne + "\n", kOne + " 1 1 0\nfilename a\n",
                                  kOne + " 1 1 1\nauthor x\n"}) {
    EXPECT_FALSE(ParseBlame(text).ok()) << text;
  }
}

}  // namespace
}  // namespace auspex::change::git
