#include "auspex/training/history.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <sstream>
#include <string>

#include "tests/training/some_data.h"

namespace auspex::training {
namespace {

// A feature of a row, by name.
double At(const model::Table& table, std::size_t row, const std::string& name) {
  const auto found = std::find(table.columns.begin(), table.columns.end(), name);
  EXPECT_NE(found, table.columns.end()) << name;
  return table.At(row, static_cast<std::size_t>(found - table.columns.begin()));
}

// Bit for bit, so that NaN is equal to NaN.
bool SameRow(const model::Table& a, std::size_t row, const model::Table& b, std::size_t other) {
  const auto x = a.Row(row), y = b.Row(other);
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](double p, double q) { return (std::isnan(p) && std::isnan(q)) || p == q; });
}

TEST(History, OfTheFirstRowIsNotKnown) {
  const auto history = HistoryOf(*Parsed("service,failed,at,x\na,1,5,1\nb,0,9,1\n"));
  for (const std::size_t row : {0U, 1U}) {
    EXPECT_EQ(At(history, row, "history_rows"), 0);
    EXPECT_TRUE(std::isnan(At(history, row, "history_last_failed")));
    EXPECT_TRUE(std::isnan(At(history, row, "history_rate_20")));
  }
}

TEST(History, TellsWhatCameOfEarlierRowsOfTheGroup) {
  const auto history =
      HistoryOf(*Parsed("service,failed,at,x\n"
                        "a,1,100,1\n"
                        "b,0,150,1\n"
                        "a,0,200,1\n"
                        "a,0,300,1\n"
                        "a,1,1000,1\n"));
  EXPECT_EQ(At(history, 4, "history_rows"), 3);
  EXPECT_EQ(At(history, 4, "history_last_failed"), 0);
  EXPECT_EQ(At(history, 4, "history_third_last_failed"), 1);
  EXPECT_EQ(At(history, 4, "history_passed_in_a_row"), 2);
  EXPECT_EQ(At(history, 4, "history_failed_in_a_row"), 0);
  EXPECT_EQ(At(history, 4, "history_since_last_s"), 700);
  EXPECT_EQ(At(history, 4, "history_since_failure_s"), 900);
  EXPECT_EQ(At(history, 4, "history_since_pass_s"), 700);
  EXPECT_EQ(At(history, 4, "history_flips_20"), 0.5);
  // All so far: (1 + 2 * 0.5) / (3 + 2); the last five: (1 + 2 * 0.4) / (3 + 2).
  EXPECT_DOUBLE_EQ(At(history, 4, "history_rate_all"), 0.4);
  EXPECT_DOUBLE_EQ(At(history, 4, "history_rate_5"), 0.36);
  EXPECT_EQ(At(history, 4, "history_rows_1d"), 3);
}

TEST(History, DoesNotSeeRowsOfTheSameMoment) {
  const auto history = HistoryOf(*Parsed("service,failed,at,x\na,1,5,1\na,1,5,1\na,0,6,1\n"));
  EXPECT_EQ(At(history, 1, "history_rows"), 0);
  EXPECT_EQ(At(history, 2, "history_rows"), 2);
}

TEST(History, WaitsUntilAnOutcomeIsKnown) {
  const auto history =
      HistoryOf(*Parsed("service,failed,at,label_known_at,x\n"
                        "a,1,10,35,1\n"
                        "a,0,20,20,1\n"
                        "a,0,30,30,1\n"
                        "a,0,40,40,1\n"));
  EXPECT_EQ(At(history, 1, "history_rows"), 0);
  EXPECT_EQ(At(history, 2, "history_rows"), 1);
  EXPECT_EQ(At(history, 3, "history_rows"), 3);
  // In the order of the rows' times, not in that of the news.
  EXPECT_EQ(At(history, 3, "history_last_failed"), 0);
  EXPECT_EQ(At(history, 3, "history_third_last_failed"), 1);
}

TEST(History, PassesOverRowsWithoutAnOutcome) {
  const auto history = HistoryOf(*Parsed("service,failed,at,x\na,1,5,1\na,,6,1\na,0,7,1\n"));
  EXPECT_EQ(At(history, 2, "history_rows"), 1);
  EXPECT_EQ(At(history, 2, "history_since_last_s"), 2);
}

TEST(History, KnowsWhatARowIsLike) {
  // Small ones pass, large ones fail.
  std::string csv = "service,failed,at,x\n";
  for (int i = 0; i < 40; ++i)
    csv += fmt::format("a,{},{},{}\n", i % 2, 10 + i, i % 2 == 1 ? 1000 : 1);
  csv += "a,0,100,1001\na,0,100,1\n";
  const auto history = HistoryOf(*Parsed(csv));
  EXPECT_GT(At(history, 40, "history_alike_same_20"), 0.8);
  EXPECT_LT(At(history, 41, "history_alike_same_20"), 0.2);
  EXPECT_EQ(At(history, 40, "history_nearest_failed"), 1);
  EXPECT_EQ(At(history, 41, "history_nearest_failed"), 0);
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Late outcomes, gaps, ties, rows out of order.
std::string Drawn() {
  const auto rows = *rc::gen::inRange<std::size_t>(2, 60);
  std::string csv = "service,failed,at,label_known_at,x,y\n";
  for (std::size_t row = 0; row < rows; ++row) {
    const int time = *rc::gen::inRange(0, 40);
    csv += fmt::format("{},{},{},{},{},{}\n", *rc::gen::element('a', 'b'),
                       *rc::gen::element<std::string>("0", "1", ""), time,
                       time + *rc::gen::element(0, 0, 3, 50), *rc::gen::inRange(0, 5),
                       *rc::gen::element<std::string>("", "1", "70"));
  }
  return csv;
}

RC_GTEST_PROP(History, IsTheSameWhenTheFileEndsWithTheRow, ()) {
  const std::string csv = Drawn();
  const std::vector<std::string> lines = Lines(csv);
  const Dataset data = *Parsed(csv);
  const auto whole = HistoryOf(data);
  const auto kept = *rc::gen::inRange<std::size_t>(1, lines.size());
  std::string cut = lines[0] + "\n";
  for (std::size_t i = 1; i <= kept; ++i) cut += lines[i] + "\n";
  const auto part = HistoryOf(*Parsed(cut));
  // Rows that nothing later in the file comes before in time.
  for (std::size_t row = 0; row < kept; ++row) {
    bool later = true;
    for (std::size_t other = kept; other < data.rows(); ++other)
      later = later && data.time[other] >= data.time[row];
    if (later) RC_ASSERT(SameRow(whole, row, part, row));
  }
}

RC_GTEST_PROP(History, DoesNotDependOnWhatIsNotYetKnown, ()) {
  const std::string csv = Drawn();
  const Dataset data = *Parsed(csv);
  const auto row = *rc::gen::inRange<std::size_t>(0, data.rows());
  Dataset other = data;
  for (std::size_t i = 0; i < data.rows(); ++i)
    if (data.time[i] >= data.time[row] || data.known_at[i] > data.time[row])
      other.failed[i] = 1 - data.failed[i];
  RC_ASSERT(SameRow(HistoryOf(data), row, HistoryOf(other), row));
}

RC_GTEST_PROP(History, DoesNotDependOnOtherGroups, ()) {
  const Dataset data = *Parsed(Drawn());
  const auto row = *rc::gen::inRange<std::size_t>(0, data.rows());
  Dataset other = data;
  for (std::size_t i = 0; i < data.rows(); ++i)
    if (data.group[i] != data.group[row]) other.failed[i] = 1 - data.failed[i];
  RC_ASSERT(SameRow(HistoryOf(data), row, HistoryOf(other), row));
}

TEST(History, HasAPhraseForEveryFeatureAndNoNameTwice) {
  std::map<std::string_view, int> names;
  for (const FeatureSpec& feature : HistoryFeatures()) {
    EXPECT_FALSE(feature.phrase.empty()) << feature.name;
    EXPECT_EQ(++names[feature.name], 1) << feature.name;
    EXPECT_TRUE(feature.name.starts_with("history_"));
  }
}

}  // namespace
}  // namespace auspex::training
