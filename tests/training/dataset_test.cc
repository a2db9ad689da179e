#include "auspex/training/dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/training/some_data.h"

namespace auspex::training {
namespace {

using Names = std::vector<std::string>;

std::string ErrorOf(const std::string& csv, const ColumnRoles& roles = SomeRoles()) {
  const auto data = Parsed(csv, roles);
  if (data.ok()) return "";
  EXPECT_EQ(data.error().code, ErrorCode::kInvalidArgument);
  return data.error().message;
}

TEST(Dataset, ReadsWhatEachColumnIs) {
  const auto data = Parsed(
      "service,failed,at,lines,files\n"
      "shop,1,1970-01-01T00:01:40Z,5,\n"
      "pay,,50,nan,2\n"
      "shop,false,100,7,3\n");
  ASSERT_TRUE(data.ok()) << data.error().message;
  EXPECT_EQ(data->table.columns, (Names{"lines", "files"}));
  EXPECT_EQ(data->table.At(0, 0), 5);
  EXPECT_TRUE(std::isnan(data->table.At(0, 1)));
  EXPECT_TRUE(std::isnan(data->table.At(1, 0)));
  EXPECT_EQ(data->failed[0], 1);
  EXPECT_TRUE(std::isnan(data->failed[1]));
  EXPECT_EQ(data->failed[2], 0);
  EXPECT_EQ(data->time, (std::vector<double>{100, 50, 100}));
  EXPECT_EQ(data->known_at, data->time);
  EXPECT_EQ(data->group_names, (Names{"shop", "pay"}));
  // Equal times keep the order of the file.
  EXPECT_EQ(data->order, (std::vector<std::size_t>{1, 0, 2}));
}

TEST(Dataset, TakesTimesWithoutAZoneAsUtc) {
  const auto data = Parsed("service,failed,at,x\na,1,2016-05-01T10:00:00,1\na,0,2016-05-01,1\n");
  ASSERT_TRUE(data.ok()) << data.error().message;
  EXPECT_EQ(data->time[0], 1462096800);
  EXPECT_EQ(data->time[1], 1462060800);
}

TEST(Dataset, WithoutATimeColumnTheOrderOfRowsIsTime) {
  ColumnRoles roles;
  roles.label = "failed";
  const auto data = Parsed("failed,x\n1,1\n0,2\n", roles);
  ASSERT_TRUE(data.ok());
  EXPECT_LT(data->time[0], data->time[1]);
}

TEST(Dataset, NeverLearnsFromWhatSaysAnOutcome) {
  const auto data =
      Parsed("service,failed,at,commit,label_bug,label_known_at,label,x\na,1,10,abc,1,25,1,3\n");
  ASSERT_TRUE(data.ok()) << data.error().message;
  EXPECT_EQ(data->table.columns, Names{"x"});
  EXPECT_EQ(data->left_out, (Names{"commit", "label_bug", "label"}));
  EXPECT_EQ(data->known_at[0], 25);
}

TEST(Dataset, AnOutcomeIsNeverKnownBeforeItsRow) {
  const auto data = Parsed("service,failed,at,label_known_at,x\na,1,10,5,3\na,0,20,,3\n");
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->known_at, (std::vector<double>{10, 20}));
}

TEST(Dataset, RefusesWithThePlaceAndTheMend) {
  const std::string head = "service,failed,at,lines\n";
  EXPECT_EQ(ErrorOf(head + "a,1,5,many\n"),
            "t.csv:2:7: lines: 'many' is not a finite number; --drop lines leaves the column out");
  EXPECT_EQ(ErrorOf(head + "a,2,5,1\n"),
            "t.csv:2:3: failed: '2' is no outcome; write 1 (failed), 0 (did not), or nothing where "
            "it is not known yet");
  EXPECT_EQ(ErrorOf(head + "a,1,yesterday,1\n").substr(0, 38),
            "t.csv:2:5: at: 'yesterday' is not a ti");
  EXPECT_EQ(ErrorOf(head + "a,1,5\n"), "t.csv:2:1: 3 fields where the header has 4");
  EXPECT_EQ(ErrorOf("service,fail,at,x\n"),
            "t.csv:1:1: no column 'failed', which --label names; did you mean 'fail'?");
  EXPECT_EQ(ErrorOf(head), "t.csv:2:1: the file has a header and no rows");
  EXPECT_EQ(ErrorOf(""), "t.csv:1:1: the file is empty; its first line names the columns");
  EXPECT_EQ(ErrorOf("service,failed,at\na,1,5\n"), "t.csv:1:1: no column is left to learn from");
  EXPECT_EQ(ErrorOf("service,failed,at,x,x\na,1,5,1,1\n"), "t.csv:1:21: column 'x' stands twice");
  EXPECT_EQ(ErrorOf("service,failed,at,,x\na,1,5,1,1\n"), "t.csv:1:19: a column without a name");
  EXPECT_EQ(ErrorOf("service,failed,at,\"x\x1b[2J\"\na,1,5,1\n"),
            "t.csv:1:19: the column name 'x\\x1b[2J' has a control character in it");
  ColumnRoles roles = SomeRoles();
  roles.drop = {"line"};
  EXPECT_EQ(ErrorOf(head + "a,1,5,1\n", roles),
            "t.csv:1:1: no column 'line', which --drop names; did you mean 'lines'?");
  roles = SomeRoles();
  roles.time = "";
  EXPECT_NE(ErrorOf("service,failed,label_known_at,x\na,1,5,1\n", roles).find("--time"),
            std::string::npos);
}

TEST(Dataset, HashesWhatIsLearnedFromNotHowItIsWritten) {
  const std::string head = "service,failed,at,x\n";
  const std::string hash = HashOf(*Parsed(head + "a,1,10,0.5\n"));
  EXPECT_EQ(HashOf(*Parsed(head + "\"a\",true,1970-01-01T00:00:10Z,5e-1\r\n")), hash);
  for (const char* other : {"b,1,10,0.5\n", "a,0,10,0.5\n", "a,1,11,0.5\n", "a,1,10,0.25\n"})
    EXPECT_NE(HashOf(*Parsed(head + other)), hash) << other;
}

TEST(Dataset, KeepsLinesToWriteThemAgain) {
  ColumnRoles roles = SomeRoles();
  roles.features = {"x"};
  roles.keep_lines = true;
  const auto data = Parsed("note,service,failed,at,x\n\"a \"\"b\"\", c\",s,1,5,2\n", roles);
  ASSERT_TRUE(data.ok()) << data.error().message;
  EXPECT_EQ(data->lines[0], "\"a \"\"b\"\", c\",s,1,5,2");
  EXPECT_EQ(data->header.size(), 5U);
}

TEST(WaitedAlike, LeavesNoStretchOfTimeWithFailuresAlone) {
  Dataset data;
  for (int day = 0; day < 100; ++day) {
    data.time.push_back(day);
    data.failed.push_back(day % 4 == 0 ? 1.0 : 0.0);
    data.known_at.push_back(day + (day % 4 == 0 ? 2.0 : 30.0));
  }
  data.known_at[0] = 90.0;  // a failure that showed late stays unknown until then
  const Dataset even = WaitedAlike(data, 99.0);
  EXPECT_EQ(even.known_at[0], 90.0);
  EXPECT_EQ(even.known_at[4], 34.0);
  EXPECT_EQ(even.known_at[5], 35.0);
  for (int day = 1; day < 100; ++day)
    EXPECT_EQ(even.known_at[static_cast<std::size_t>(day)], day + 30.0);
}

TEST(WaitedAlike, ChangesNothingWhereBothAreKnownAtOnce) {
  Dataset data;
  data.time = data.known_at = {1, 2, 3};
  data.failed = {0, 1, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_EQ(WaitedAlike(data, 3.0).known_at, data.known_at);
}

}  // namespace
}  // namespace auspex::training
