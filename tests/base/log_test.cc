#include "auspex/base/log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "auspex/base/clock.h"

namespace auspex {
namespace {

class Log : public ::testing::Test {
 protected:
  Logger At(LogLevel least) {
    return {least, [this](std::string_view line) { lines_.emplace_back(line); }};
  }
  std::vector<std::string> lines_;
};

TEST_F(Log, WritesOneJsonObjectALineWithItsFields) {
  At(LogLevel::kInfo)
      .Info("weight_applied",
            {{"deployment", "d1"}, {"weight_bp", 500}, {"share", 0.05}, {"ok", true}});
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_TRUE(lines_[0].ends_with("}\n"));
  const auto line = nlohmann::json::parse(lines_[0]);
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["event"], "weight_applied");
  EXPECT_EQ(line["deployment"], "d1");
  EXPECT_EQ(line["weight_bp"], 500);
  EXPECT_EQ(line["share"], 0.05);
  EXPECT_EQ(line["ok"], true);
  EXPECT_TRUE(ParseTime(line["time"].get<std::string>()).ok());
}

TEST_F(Log, LeavesOutWhatIsBelowItsLevel) {
  const Logger log = At(LogLevel::kWarn);
  log.Debug("a");
  log.Info("b");
  log.Warn("c");
  log.Error("d");
  ASSERT_EQ(lines_.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(lines_[0])["level"], "warn");
  EXPECT_EQ(nlohmann::json::parse(lines_[1])["level"], "error");
}

TEST_F(Log, OutsideTextCannotBreakTheLine) {
  At(LogLevel::kInfo)
      .Info("e", {{"text", std::string_view("a\n\"b\"\xff\0c", 8)}, {"nan", std::nan("")}});
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(lines_[0].find('\n'), lines_[0].size() - 1);
  const auto line = nlohmann::json::parse(lines_[0]);
  EXPECT_TRUE(line["nan"].is_null());
  EXPECT_EQ(line["text"].get<std::string>().substr(0, 5), "a\n\"b\"");
}

}  // namespace
}  // namespace auspex
