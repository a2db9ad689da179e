#include "auspex/training/folds.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/training/some_data.h"

namespace auspex::training {
namespace {

// Times with many ties, outcomes that come late or never.
Dataset Drawn() {
  const auto rows = *rc::gen::inRange<std::size_t>(1, 80);
  std::string csv = "service,failed,at,label_known_at,x\n";
  for (std::size_t row = 0; row < rows; ++row) {
    const int time = *rc::gen::inRange(0, 30);
    const auto outcome = *rc::gen::element<std::string>("0", "1", "");
    csv += fmt::format("a,{},{},{},1\n", outcome, time, time + *rc::gen::inRange(0, 15));
  }
  return *Parsed(csv);
}

RC_GTEST_PROP(Folds, LearnOnlyFromWhatWasKnownBefore, ()) {
  const Dataset data = Drawn();
  std::set<std::size_t> tried;
  double last = -1;
  for (const Fold& fold : TimeFolds(data, 5)) {
    RC_ASSERT(!fold.train.empty() && !fold.test.empty());
    RC_ASSERT(fold.at > last);
    last = fold.at;
    for (const std::size_t row : fold.train) {
      RC_ASSERT(data.time[row] < fold.at);
      RC_ASSERT(data.known_at[row] <= fold.at);
      RC_ASSERT(!std::isnan(data.failed[row]));
    }
    for (const std::size_t row : fold.test) {
      RC_ASSERT(data.time[row] >= fold.at);
      RC_ASSERT(!std::isnan(data.failed[row]));
      RC_ASSERT(tried.insert(row).second);
    }
  }
}

RC_GTEST_PROP(Folds, NeverSplitAMoment, ()) {
  const Dataset data = Drawn();
  for (const Fold& fold : TimeFolds(data, 5)) {
    std::set<double> times;
    for (const std::size_t row : fold.test) times.insert(data.time[row]);
    for (std::size_t row = 0; row < data.rows(); ++row) {
      if (std::isnan(data.failed[row]) || !times.count(data.time[row])) continue;
      RC_ASSERT(std::find(fold.test.begin(), fold.test.end(), row) != fold.test.end());
    }
  }
}

TEST(Folds, TryTheLaterHalfInFiveParts) {
  const Dataset data = *Parsed(SomeCsv(100, 1));
  const auto folds = TimeFolds(data, 5);
  ASSERT_EQ(folds.size(), 5U);
  for (std::size_t k = 0; k < 5; ++k) {
    EXPECT_EQ(folds[k].train.size(), 50 + 10 * k);
    EXPECT_EQ(folds[k].test.size(), 10U);
  }
}

TEST(Folds, AreNoneWhereAllIsOneMoment) {
  EXPECT_TRUE(TimeFolds(*Parsed("service,failed,at,x\na,1,5,1\na,0,5,2\na,1,5,3\n"), 5).empty());
}

TEST(KnownBy, LeavesOutWhatCameTooLateOrNever) {
  const Dataset data =
      *Parsed("service,failed,at,label_known_at,x\na,1,1,9,1\na,0,2,4,1\na,,3,3,1\na,1,4,4,1\n");
  EXPECT_EQ(KnownBy(data, 4), (std::vector<std::size_t>{1, 3}));
}

}  // namespace
}  // namespace auspex::training
