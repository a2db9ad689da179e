#include "auspex/change/fixes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace auspex::change {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

FixEvidence EvidenceOf(std::string_view message) { return ReadFixMessage(message).evidence; }

TEST(ReadFixMessage, KnowsFixesByTheirSubject) {
  for (const std::string_view message :
       {"Fix crash in the parser", "fix(api): refuse empty names", "parser: fixed off-by-one",
        "Bugfix: wrong sign", "hotfix for checkout", "ACL: Fix memory leak", "Bug in LREM",
        "memtest.c: integer overflow fixed", "Plugs a potential underflow",
        "avoid deadlock when two clients stop", "Don't leak the socket",
        "Fix typo that crashes startup: crash", "fixes race in test server shutdown race"}) {
    EXPECT_EQ(EvidenceOf(message), FixEvidence::kWords) << message;
    EXPECT_TRUE(IsFix(message)) << message;
  }
}

TEST(ReadFixMessage, KnowsWhatIsNoFixOfTheProgram) {
  for (const std::string_view message : {"",
                                         "\n",
                                         "Add a parser",
                                         "fix typo",
                                         "Fix typos in comments",
                                         "docs: fix broken anchor",
                                         "fix README",
                                         "fix compiler warning",
                                         "tests: fix exit code",
                                         "ci/github: fix cache",
                                         "Fix flaky test of the timer",
                                         "add fixture for orders",
                                         "Use a fixed-size buffer",
                                         "use fixed point numbers",
                                         "prefix the names",
                                         "debug the parser",
                                         "bug report template",
                                         "handle_bug(): rename",
                                         "Add crash report",
                                         "doc(api): fix example",
                                         "bump to 1.2 with minor fixes",
                                         "Release 2.0: many bugs fixed",
                                         "Refactor the overflow menu"}) {
    EXPECT_EQ(EvidenceOf(message), FixEvidence::kNone) << message;
    EXPECT_FALSE(IsFix(message)) << message;
  }
}

TEST(ReadFixMessage, KnowsIssuesWithTheirVerb) {
  const auto issues = [](std::string_view message) { return ReadFixMessage(message).issues; };
  EXPECT_THAT(issues("Refuse empty names\n\nFixes #12, resolves GH-3"), ElementsAre("#12", "GH-3"));
  EXPECT_THAT(issues("Refuse\n\nFixes: QTBUG-123"), ElementsAre("QTBUG-123"));
  EXPECT_THAT(issues("Refuse\n\nCloses-Bug: #1899"), ElementsAre("#1899"));
  EXPECT_THAT(issues("Refuse\n\nBug: https://bugs.example.com/7"),
              ElementsAre("https://bugs.example.com/7"));
  EXPECT_THAT(issues("Refuse\n\nfixes issue #7"), ElementsAre("#7"));
  EXPECT_THAT(issues("Refuse\n\nCloses #12\nBug: 12\nsee #9"), IsEmpty());
  EXPECT_EQ(EvidenceOf("Refuse empty names\n\nFixes #12"), FixEvidence::kIssue);
  EXPECT_EQ(EvidenceOf("Add names\n\nFixes #12"), FixEvidence::kNone);
}

TEST(ReadFixMessage, KnowsTheCommitsThatAreNamed) {
  const auto origins = [](std::string_view message) { return ReadFixMessage(message).origins; };
  EXPECT_THAT(origins("net: mend it\n\nFixes: 1a2b3c4d5e6f (\"net: break it\")\nFixes: "
                      "abcdef1234567890 (\"x\")"),
              ElementsAre("1a2b3c4d5e6f", "abcdef1234567890"));
  EXPECT_THAT(origins("Fix\n\nThe regression was introduced by commit 496375f and"),
              ElementsAre("496375f"));
  EXPECT_THAT(origins("x\n\nRegression from 1234abc (shipped in 7.1)"), ElementsAre("1234abc"));
  EXPECT_THAT(origins("this was broken in [1a7cd2c](url)"), ElementsAre("1a7cd2c"));
  EXPECT_THAT(origins("Fixes 1234567"), IsEmpty());
  EXPECT_THAT(origins("introduced in version 6.0. Later abcdef1 came"), IsEmpty());
  EXPECT_THAT(origins("caused by deadbeefdeadbeefx"), IsEmpty());
  EXPECT_THAT(origins("http://curl.haxx.se/bug/view.cgi?id=1234567"), IsEmpty());
  EXPECT_EQ(EvidenceOf("x\n\nFixes: 1a2b3c4d5e6f (\"y\")"), FixEvidence::kOrigin);
}

TEST(ReadFixMessage, KnowsReverts) {
  const auto read = ReadFixMessage(
      "Revert \"Add names\"\n\nThis reverts commit 1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b.");
  EXPECT_EQ(read.evidence, FixEvidence::kRevert);
  EXPECT_THAT(read.reverts, ElementsAre("1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b"));
  EXPECT_THAT(read.reverted_subject, "");
  EXPECT_FALSE(IsFix("Revert \"Add names\"\n\nThis reverts commit 1a2b3c4d5e6f."));
  EXPECT_THAT(ReadFixMessage("x\n\nThis reverts commits 1a2b3c4, 2b3c4d5 and 3c4d5e6.").reverts,
              ElementsAre("1a2b3c4", "2b3c4d5", "3c4d5e6"));
  EXPECT_EQ(ReadFixMessage("Revert \"Say \"hi\"\" (#12)\n\nReverts me/it#9").reverted_subject,
            "Say \"hi\"");
}

// The change is there again: nobody is to blame.
TEST(ReadFixMessage, ARevertOfARevertTakesNothingBack) {
  for (const std::string_view message :
       {"Revert \"Revert \"Add names\"\"\n\nThis reverts commit 1a2b3c4d5e6f.",
        "Reapply \"Add names\"\n\nThis reverts commit 1a2b3c4d5e6f."}) {
    EXPECT_EQ(EvidenceOf(message), FixEvidence::kNone) << message;
  }
}

RC_GTEST_PROP(ReadFixMessage, TakesAnyBytes, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "Revert \"", "This reverts commit", " 1a2b3c4", "fixes", ":", " ", "\n", "#", "12",
      "introduced in", "\"", std::string(1, '\0'), "\xff", "and ", ",", "s", "Bug", "https://x"));
  std::string message;
  for (const auto& piece : pieces) message += piece;
  const auto read = ReadFixMessage(message);
  // What is found lies within the message.
  for (const auto& views : {read.origins, read.reverts, read.issues}) {
    for (const auto view : views) {
      RC_ASSERT(view.data() >= message.data());
      RC_ASSERT(view.data() + view.size() <= message.data() + message.size());
      RC_ASSERT(!view.empty());
    }
  }
}

}  // namespace
}  // namespace auspex::change
