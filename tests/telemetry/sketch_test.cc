#include "auspex/telemetry/sketch.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace auspex::telemetry {
namespace {

// Room for the rounding of g^1382 by repeated multiplication.
constexpr double kTolerance = Sketch::kRelativeError + 1e-9;

double Counted(double value) { return std::clamp(value, 1.0, Sketch::kLargest); }

Sketch SketchOf(const std::vector<double>& values) {
  Sketch sketch;
  for (const double value : values) sketch.Add(value);
  return sketch;
}

// Over twelve decades, with repeats, and aimed at bucket edges and at the ends of the range.
rc::Gen<double> Latency() {
  const auto spread = rc::gen::map(rc::gen::inRange(0, 12'000), [](int milli_decades) {
    return std::pow(10.0, milli_decades / 1'000.0);
  });
  const auto edge = rc::gen::map(rc::gen::inRange(0, 3 * (Sketch::kLastBucket + 1)), [](int i) {
    const double at = std::pow(1.01 / 0.99, i / 3);
    return i % 3 == 0 ? at : at * (i % 3 == 1 ? 1 + 1e-12 : 1 - 1e-12);
  });
  const auto odd = rc::gen::element(0.0, -5.0, 0.5, 1.0, 2.0, 1e12, 1e15);
  return rc::gen::oneOf(spread, edge, odd);
}

rc::Gen<std::vector<double>> Latencies() {
  return rc::gen::container<std::vector<double>>(Latency());
}

RC_GTEST_PROP(Sketch, QuantileIsWithinOnePerCentOfTheExactOne, ()) {
  auto values = *rc::gen::suchThat(Latencies(), [](const auto& v) { return !v.empty(); });
  const int percent = *rc::gen::element(0, 1, 7, 10, 25, 50, 75, 90, 99, 100);
  const Sketch sketch = SketchOf(values);
  std::sort(values.begin(), values.end());
  // ceil(percent n / 100) in whole numbers: the definition, without rounding.
  const std::size_t rank =
      std::max<std::size_t>((static_cast<std::size_t>(percent) * values.size() + 99) / 100, 1);
  const double exact = Counted(values[rank - 1]);
  const auto quantile = sketch.Quantile(percent / 100.0);
  RC_ASSERT(quantile.has_value());
  RC_ASSERT(std::abs(*quantile - exact) <= kTolerance * exact);
}

RC_GTEST_PROP(Sketch, MergeEqualsTheSketchOfAll, ()) {
  const auto a = *Latencies();
  const auto b = *Latencies();
  auto all = a;
  all.insert(all.end(), b.begin(), b.end());
  Sketch merged = SketchOf(a);
  merged.Merge(SketchOf(b));
  RC_ASSERT(merged == SketchOf(all));
  RC_ASSERT(merged.count() == static_cast<std::int64_t>(all.size()));
}

RC_GTEST_PROP(Sketch, MergeIsAssociativeAndCommutative, ()) {
  const Sketch a = SketchOf(*Latencies());
  const Sketch b = SketchOf(*Latencies());
  const Sketch c = SketchOf(*Latencies());
  const auto merge = [](Sketch left, const Sketch& right) {
    left.Merge(right);
    return left;
  };
  RC_ASSERT(merge(a, b) == merge(b, a));
  RC_ASSERT(merge(merge(a, b), c) == merge(a, merge(b, c)));
}

RC_GTEST_PROP(Sketch, BucketsRoundTripAndAreBounded, ()) {
  const Sketch sketch = SketchOf(*Latencies());
  const auto buckets = sketch.Buckets();
  RC_ASSERT(buckets.size() <= static_cast<std::size_t>(Sketch::kLastBucket) + 1);
  const auto back = Sketch::FromBuckets(buckets);
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == sketch);
}

TEST(Sketch, HasNoQuantileWhenEmpty) {
  EXPECT_EQ(Sketch().Quantile(0.5), std::nullopt);
  EXPECT_EQ(Sketch().count(), 0);
  EXPECT_TRUE(Sketch().Buckets().empty());
}

TEST(Sketch, CountsOddValuesAtTheEnds) {
  Sketch sketch;
  sketch.Add(std::numeric_limits<double>::quiet_NaN());
  sketch.Add(-std::numeric_limits<double>::infinity());
  sketch.Add(std::numeric_limits<double>::infinity());
  sketch.Add(1, 0);
  sketch.Add(1, -3);
  EXPECT_EQ(sketch.Buckets(), (std::vector<Sketch::Bucket>{{0, 2}, {Sketch::kLastBucket, 1}}));
  EXPECT_EQ(sketch.Quantile(0), 1.0);
  EXPECT_EQ(sketch.Quantile(std::numeric_limits<double>::quiet_NaN()), 1.0);
  EXPECT_EQ(sketch.Quantile(-1), 1.0);
  EXPECT_NEAR(*sketch.Quantile(7), 1e12, 1e10);
}

TEST(Sketch, MergesWithItself) {
  Sketch sketch = SketchOf({3, 700, 1e6});
  sketch.Merge(sketch);
  EXPECT_EQ(sketch, SketchOf({3, 700, 1e6, 3, 700, 1e6}));
}

TEST(Sketch, RefusesBadBuckets) {
  const std::vector<std::vector<Sketch::Bucket>> bad = {
      {{-1, 1}},
      {{Sketch::kLastBucket + 1, 1}},
      {{5, 0}},
      {{5, -1}},
      {{5, 1}, {5, 1}},
      {{6, 1}, {5, 1}},
      {{5, Sketch::kMaxCount}, {6, 1}},
      {{5, std::numeric_limits<std::int64_t>::max()}},
  };
  for (const auto& buckets : bad) {
    const auto sketch = Sketch::FromBuckets(buckets);
    ASSERT_FALSE(sketch.ok()) << buckets.front().first;
    EXPECT_EQ(sketch.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(Sketch::FromBuckets({{0, 1}, {Sketch::kLastBucket, Sketch::kMaxCount - 1}}).ok());
}

}  // namespace
}  // namespace auspex::telemetry
