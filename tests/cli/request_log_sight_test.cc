#include "auspex/cli/request_log_sight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace auspex::cli {
namespace {

using ::testing::HasSubstr;

TEST(RequestLogSight, JudgesTheShareOfTheRequestsThatCameAsLines) {
  struct Case {
    LogLook look;
    const char* says;
    bool good;
    bool warning;
  };
  const Case cases[] = {
      {{.ended = 100, .lines = 100, .seconds = 2},
       "100 lines of 100 requests (100 %)",
       true,
       false},
      {{.ended = 100, .lines = 95, .seconds = 2}, "95 lines of 100 requests (95 %)", true, false},
      {{.ended = 100, .lines = 94, .seconds = 2},
       "lossy: 94 lines of 100 requests (94 %)",
       true,
       true},
      {{.ended = 10'000, .lines = 1, .seconds = 2},
       "lossy: 1 lines of 10000 requests (0 %)",
       true,
       true},
      // The looks at proxy and daemon are not quite together.
      {{.ended = 100, .lines = 103, .seconds = 2},
       "103 lines of 100 requests (100 %)",
       true,
       false},
      {{.ended = 0, .lines = 1, .seconds = 2}, "1 lines of 0 requests in 2.0 s", true, false},
      // A line or two may be on their way.
      {{.ended = 10, .lines = 8, .seconds = 2}, "8 lines of 10 requests (80 %)", true, false},
      {{.ended = 10, .lines = 7, .seconds = 2}, "lossy: 7 lines of 10 requests (70 %)", true, true},
      {{.ended = 4, .lines = 0, .seconds = 2},
       "not checked: its servers ended 4 requests",
       true,
       true},
      {{.ended = 5, .lines = 0, .seconds = 2},
       "silent: its servers ended 5 requests",
       false,
       false},
      // A proxy that was restarted between the looks counts from 0 again.
      {{.ended = -3, .lines = 0, .seconds = 2},
       "not checked: its servers ended 0 requests",
       true,
       true},
      {{.ended = -3, .lines = 9, .seconds = 2}, "9 lines of 0 requests in 2.0 s", true, false},
  };
  for (const Case& expected : cases) {
    const Finding finding = JudgeRequestLog("checkout", "shop", expected.look);
    EXPECT_EQ(finding.what, "request log of checkout");
    EXPECT_THAT(finding.text, ::testing::StartsWith(expected.says));
    EXPECT_EQ(finding.good, expected.good) << finding.text;
    EXPECT_EQ(finding.warning, expected.warning) << finding.text;
    if (finding.text.starts_with("lossy")) {
      EXPECT_THAT(finding.text, HasSubstr("uses backend shop"));
    }
  }
}

}  // namespace
}  // namespace auspex::cli
