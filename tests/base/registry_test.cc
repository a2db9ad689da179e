#include "auspex/base/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace auspex {
namespace {

struct Shape {
  virtual ~Shape() = default;
  [[nodiscard]] virtual int Side() const = 0;
};
struct Square final : Shape {
  explicit Square(int side) : side_(side) {}
  [[nodiscard]] int Side() const override { return side_; }
  int side_;
};

Registry<Shape, int> Shapes() {
  Registry<Shape, int> shapes;
  EXPECT_TRUE(shapes
                  .Add("square",
                       [](int side) -> Result<std::unique_ptr<Shape>> {
                         if (side < 0) return Fail(ErrorCode::kInvalidArgument, "side {}", side);
                         return std::unique_ptr<Shape>(std::make_unique<Square>(side));
                       })
                  .ok());
  return shapes;
}

TEST(Registry, MakesWhatWasRegistered) { EXPECT_EQ((*Shapes().Create("square", 3))->Side(), 3); }

TEST(Registry, RefusesANameThatIsTaken) {
  auto shapes = Shapes();
  EXPECT_EQ(shapes.Add("square", nullptr).error().code, ErrorCode::kConflict);
}

TEST(Registry, NamesWhatThereIsForAnUnknownOne) {
  const auto made = Shapes().Create("circle", 1);
  EXPECT_EQ(made.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(made.error().message,
              ::testing::AllOf(::testing::HasSubstr("circle"), ::testing::HasSubstr("square")));
}

TEST(Registry, PassesTheFactorysErrorOn) {
  EXPECT_EQ(Shapes().Create("square", -1).error().message, "side -1");
}

}  // namespace
}  // namespace auspex
