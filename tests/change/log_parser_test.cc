#include "auspex/change/git/log_parser.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace auspex::change::git {
namespace {

const std::string kOne(40, '1');
const std::string kTwo(40, '2');
const std::string kNull(40, '0');

std::string Field(const std::string& text) { return text + '\0'; }

std::string Header(const std::string& message) {
  return "\x1e" + Field(kOne) + Field(kTwo) + Field("N") + Field("e@x") +
         Field("1465982009 -0330") + Field("1465982010 +0000") + Field(message);
}

std::string Renamed() {
  return Field("\n:100644 100755 " + kOne + " " + kTwo + " R086") + Field("old") +
         Field("new\nname") + Field(":000000 100644 " + kNull + " " + kOne + " A") +
         Field("b.bin") + Field("3\t4\t") + Field("old") + Field("new\nname") +
         Field("-\t-\tb.bin");
}

std::vector<Commit> All(LogParser* parser) {
  std::vector<Commit> commits;
  while (auto commit = parser->Next()) commits.push_back(*std::move(commit));
  return commits;
}

std::vector<Commit> Parsed(const std::string& log, std::size_t piece) {
  LogParser parser;
  for (std::size_t at = 0; at < log.size(); at += piece) {
    const Status fed = parser.Feed(std::string_view(log).substr(at, piece));
    EXPECT_TRUE(fed.ok()) << fed.error().message;
  }
  EXPECT_TRUE(parser.Finish().ok());
  return All(&parser);
}

TEST(LogParser, ReadsHeaderRenameAndBinary) {
  const auto commits = Parsed(Header("two\nlines\n") + Renamed() + Field("") + Header("empty"), 7);
  ASSERT_EQ(commits.size(), 2U);
  const Commit& first = commits[0];
  EXPECT_EQ(first.id.text(), kOne);
  ASSERT_EQ(first.parents.size(), 1U);
  EXPECT_EQ(first.parents[0].text(), kTwo);
  EXPECT_EQ(first.author_email, "e@x");
  EXPECT_EQ(first.author_time_s, 1465982009);
  EXPECT_EQ(first.author_zone_min, -210);
  EXPECT_EQ(first.message, "two\nlines\n");
  ASSERT_EQ(first.files.size(), 2U);
  EXPECT_EQ(first.files[0].status, FileStatus::kRenamed);
  EXPECT_EQ(first.files[0].old_path, "old");
  EXPECT_EQ(first.files[0].path, "new\nname");
  EXPECT_EQ(first.files[0].new_mode, 0100755U);
  EXPECT_EQ(first.files[0].added, 3);
  EXPECT_EQ(first.files[0].deleted, 4);
  EXPECT_TRUE(first.files[1].binary);
  EXPECT_TRUE(first.files[1].old_id.null());
  EXPECT_TRUE(commits[1].files.empty());
}

// A committer who writes what looks like git's own output.
TEST(LogParser, TakesNoMessageOrPathForACommit) {
  const std::string evil = "\x1e" + kTwo + "\n:100644 100644 " + kOne + " " + kTwo + " M\n1\t1\tx";
  const std::string path = "\x1e" + kTwo;
  const auto commits =
      Parsed(Header(evil) + Field("\n:000000 100644 " + kNull + " " + kOne + " A") + Field(path) +
                 Field("1\t0\t" + path),
             1000);
  ASSERT_EQ(commits.size(), 1U);
  EXPECT_EQ(commits[0].message, evil);
  ASSERT_EQ(commits[0].files.size(), 1U);
  EXPECT_EQ(commits[0].files[0].path, path);
  EXPECT_EQ(commits[0].files[0].added, 1);
}

TEST(LogParser, KeepsTheFirstOfALongMessage) {
  const auto commits = Parsed(Header(std::string(1'000'000, 'm')) + Renamed(), 65'536);
  ASSERT_EQ(commits.size(), 1U);
  EXPECT_EQ(commits[0].message.size(), LogParser::kTokenBytesMost);
  EXPECT_EQ(commits[0].files.size(), 2U);
}

TEST(LogParser, RefusesWhatIsNoLog) {
  const std::string raw = Field(":100644 100644 " + kOne + " " + kTwo + " M") + Field("a");
  for (const std::string& bad :
       {Field("hello"), raw, Header("m") + Field("1\t1\ta"), Header("m") + Field(":1 2 3"),
        Header("m") + raw + Field("1\tx\ta"), Header("m") + raw + Field("-1\t0\ta"),
        Header("m") + raw + Header("m"), "\x1e" + Field("no id"),
        Header("m") + Field(":100644 100644 " + kOne + " " + kTwo + " M") +
            Field(std::string(70'000, 'p'))}) {
    LogParser parser;
    const Status fed = parser.Feed(bad);
    ASSERT_FALSE(fed.ok()) << bad;
    EXPECT_EQ(fed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_FALSE(parser.Feed(Header("m")).ok()) << "goes on after an error";
  }
  for (const std::string& cut :
       {Header("m") + raw, Header("m").substr(0, 60), std::string("\x1e")}) {
    LogParser parser;
    ASSERT_TRUE(parser.Feed(cut).ok());
    EXPECT_FALSE(parser.Finish().ok()) << cut;
  }
}

RC_GTEST_PROP(LogParser, PiecesDoNotDecideWhatIsRead, ()) {
  const std::string log = Header("one") + Renamed() + Field("") + Header("two") + Field("") +
                          Header("three") + Renamed();
  const auto piece = *rc::gen::inRange<std::size_t>(1, log.size() + 2);
  RC_ASSERT(Parsed(log, piece) == Parsed(log, log.size()));
}

}  // namespace
}  // namespace auspex::change::git
