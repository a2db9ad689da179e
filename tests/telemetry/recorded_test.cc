#include "auspex/telemetry/recorded/recorded.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace auspex::telemetry {
namespace {

Result<Recording> Read(std::string_view text) { return ReadRecording(TextInput(text), "r.csv"); }

RecordedRequests Requests(std::string_view text) {
  auto read = Read(text);
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
  return read.ok() ? std::get<RecordedRequests>(*read) : RecordedRequests{};
}

TEST(Recorded, KnowsTheShapeByItsHeader) {
  EXPECT_TRUE(std::holds_alternative<RecordedRequests>(
      *Read("arm,timestamp,latency_ms,ok\ncanary,1,2,1\nbaseline,1,2,1\n")));
  EXPECT_TRUE(std::holds_alternative<RecordedMetrics>(
      *Read("metric,arm,timestamp,value\nm,canary,1,2\nm,baseline,1,2\n")));
  EXPECT_TRUE(std::holds_alternative<RecordedSeries>(*Read("timestamp,value\n1,2\n")));
}

TEST(Recorded, SortsRequestsAndCountsWhatItMended) {
  const RecordedRequests read = Requests(
      "arm,timestamp,latency_ms,ok,route\n"
      "canary,3,30,true,/a\nbaseline,1,10,0,/b\nbaseline,2,,1,/a\n");
  ASSERT_EQ(read.rows.size(), 3U);
  EXPECT_EQ(read.rows[0].at_s, 1.0);
  EXPECT_FALSE(read.rows[0].ok);
  EXPECT_TRUE(std::isnan(read.rows[1].latency_ms));
  EXPECT_TRUE(read.rows[2].canary);
  EXPECT_EQ(read.routes, (std::vector<std::string>{"", "/a", "/b"}));
  EXPECT_EQ(read.rows[2].route, 1U);
  EXPECT_EQ(read.notes.unsorted, 1);
  EXPECT_EQ(read.notes.missing, 1);
}

TEST(Recorded, DropsRowsThatStandTwice) {
  const auto read = Read(
      "metric,arm,timestamp,value,count\n"
      "m,canary,2,5,10\nm,canary,1,4,10\nm,canary,2,5,10\nm,baseline,1,,\nm,baseline,2,7,0\n");
  ASSERT_TRUE(read.ok()) << read.error().message;
  const auto& metrics = std::get<RecordedMetrics>(*read);
  ASSERT_EQ(metrics.metrics[0].canary.size(), 2U);
  EXPECT_EQ(metrics.metrics[0].canary[0].value, 4.0);
  EXPECT_EQ(metrics.notes.duplicates, 1);
  // An empty cell is missing, and so is the mean of no request.
  EXPECT_TRUE(std::isnan(metrics.metrics[0].baseline[0].value));
  EXPECT_TRUE(std::isnan(metrics.metrics[0].baseline[1].value));
  EXPECT_EQ(metrics.notes.missing, 2);
}

TEST(Recorded, SaysWhereAndHowToMend) {
  const auto expect = [](const std::string& text, std::string_view begin, std::string_view word) {
    const auto read = Read(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(read.error().message.starts_with(begin)) << read.error().message;
    EXPECT_NE(read.error().message.find(word), std::string::npos) << read.error().message;
  };
  const std::string requests = "arm,timestamp,latency_ms,ok\n";
  expect(requests, "r.csv: ", "no row");
  expect(requests + "canary,1,2,1\n", "r.csv: ", "none of 1 rows is of the baseline");
  expect(requests + "baseline,1,2,1\n", "r.csv: ", "none of 1 rows is of the canary");
  expect(requests + "Canary,1,2,1\n", "r.csv:2:1: arm: 'Canary'", "neither canary nor baseline");
  expect(requests + "canary,noon,2,1\n", "r.csv:2:8: timestamp: 'noon'", "RFC 3339");
  expect(requests + "canary,1700000000000,2,1\n", "r.csv:2:8: ", "milliseconds");
  expect(requests + "canary,1,-2,1\n", "r.csv:2:10: latency_ms", "not negative");
  expect(requests + "canary,1,2ms,1\n", "r.csv:2:10: latency_ms: '2ms'", "without a unit");
  expect(requests + "canary,1,inf,1\n", "r.csv:2:10: ", "finite");
  expect(requests + "canary,1,2,yes\n", "r.csv:2:12: ok: 'yes'", "1 (true)");
  expect("arm,timestamp,latency,ok\n", "r.csv:1:15: ", "did you mean latency_ms?");
  expect("arm,timestamp,took,ok\ncanary,1,2,1\n", "r.csv:1:1: ", "none of the three");
  expect("time,value\n1,2\n", "r.csv:1:1: ", "no column 'timestamp'");
  const std::string series = "metric,arm,timestamp,value,count\n";
  expect(series + "m,canary,1,2,\n", "r.csv: ", "no row of the baseline");
  expect(series + ",canary,1,2,\n", "r.csv:2:1: ", "no name");
  expect(series + "m,canary,1,2,1.5\n", "r.csv:2:14: count: '1.5'", "whole number");
  expect(series + "m,canary,1,2,-1\n", "r.csv:2:14: ", "whole number");
  expect(series + "m,canary,1,2,\nm,baseline,1,2,\nm,canary,1,3,\n", "r.csv:4:1: m of the canary",
         "line 2");
}

TEST(Recorded, MixedUnitsAreRefused) {
  std::string text = "arm,timestamp,latency_ms,ok\n";
  for (int i = 0; i < 50; ++i) {
    text += "baseline," + std::to_string(i) + "," + std::to_string(100 + i) + ",1\n";
    text += "canary," + std::to_string(i) + ",0." + std::to_string(100 + i) + ",1\n";
  }
  const auto read = Read(text);
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().message.find("different units"), std::string::npos);
}

TEST(Recorded, BoundsRoutes) {
  std::string text = "arm,timestamp,latency_ms,ok,route\nbaseline,0,1,1,/\n";
  for (int i = 0; i < 3000; ++i) text += "canary,1,2,1,/" + std::to_string(i) + "\n";
  const RecordedRequests read = Requests(text);
  EXPECT_EQ(read.routes.size(), kMostRoutes + 1);
  EXPECT_EQ(read.routes[read.rows.back().route], "(other)");
}

}  // namespace
}  // namespace auspex::telemetry
