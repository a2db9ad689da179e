#include "auspex/traffic/route_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace auspex::traffic {
namespace {

using ::testing::HasSubstr;

Weight Bp(std::int32_t bp) { return Weight::FromBp(bp).value(); }

ProxyView At(const std::string& name, std::int32_t canary_bp) {
  return {.name = name,
          .error = {},
          .canary = {.share = Bp(canary_bp), .in_flight = 1, .requests_total = 10},
          .baseline = {
              .share = Bp(Weight::kWholeBp - canary_bp), .in_flight = 2, .requests_total = 20}};
}

ProxyView Away(const std::string& name, ErrorCode code = ErrorCode::kUnavailable) {
  return {.name = name, .error = Error{code, name + " is away"}, .canary = {}, .baseline = {}};
}

RouteView Combined(std::vector<ProxyView> proxies) {
  const auto view = Combine(std::move(proxies));
  EXPECT_TRUE(view.ok()) << view.error().message;
  return view.value_or(RouteView{});
}

TEST(Combine, SumsCountsOverTheProxiesThatAnswered) {
  const RouteView view = Combined({At("x", 500), Away("y"), At("z", 500)});
  EXPECT_EQ(view.weight, Bp(500));
  EXPECT_EQ(view.canary.in_flight, 2);
  EXPECT_EQ(view.canary.requests_total, 20);
  EXPECT_EQ(view.baseline.in_flight, 4);
  EXPECT_EQ(view.baseline.requests_total, 40);
  EXPECT_EQ(view.proxies.size(), 3u);
}

TEST(Combine, ShowsTheLargestWeightWhereProxiesDiffer) {
  const RouteView view = Combined({At("x", 0), At("y", 3000), At("z", 500)});
  EXPECT_EQ(view.weight, Bp(3000));
  EXPECT_EQ(view.baseline.share, Bp(7000));
}

TEST(Combine, AServerIsDownOnlyWhereEveryProxyThatAnsweredSaysSo) {
  ProxyView x = At("x", 500);
  ProxyView y = At("y", 500);
  x.canary.up = false;
  EXPECT_TRUE(Combined({x, y}).canary.up);
  EXPECT_FALSE(Combined({x, Away("y")}).canary.up);
  y.canary.up = false;
  y.baseline.up = false;
  EXPECT_FALSE(Combined({x, y}).canary.up);
  EXPECT_TRUE(Combined({x, y}).baseline.up);
}

TEST(Combine, FailsWhereNobodyAnswers) {
  EXPECT_EQ(Combine({Away("x", ErrorCode::kNotFound)}).error(),
            (Error{ErrorCode::kNotFound, "x is away"}));
  EXPECT_EQ(
      Combine({Away("x"), Away("y")}).error(),
      (Error{ErrorCode::kUnavailable, "none of the 2 proxies answers: x is away; y is away"}));
  EXPECT_EQ(
      Combine({Away("x", ErrorCode::kNotFound), Away("y", ErrorCode::kNotFound)}).error().code,
      ErrorCode::kNotFound);
  EXPECT_EQ(Combine({Away("x", ErrorCode::kNotFound), Away("y")}).error().code,
            ErrorCode::kUnavailable);
}

TEST(WhoDisobeys, IsEmptyWhereAllObey) {
  EXPECT_EQ(WhoDisobeys(Combined({At("x", 500), At("y", 500)}), Bp(500)), "");
  EXPECT_EQ(WhoDisobeys(Combined({At("x", 10'000)}), Weight::Whole()), "");
}

TEST(WhoDisobeys, NamesEachProxyThatDoesNot) {
  EXPECT_EQ(WhoDisobeys(Combined({At("x", 500), At("y", 0), Away("z")}), Bp(500)),
            "the proxy at y has the weight 0% instead of 5%; z is away");
  EXPECT_THAT(WhoDisobeys(Combined({At("x", 500)}), Bp(400)), HasSubstr("x has the weight 5%"));
}

// Weight 0 is what was asked, but the baseline has nothing either.
TEST(WhoDisobeys, NamesAProxyThatGivesNobodyAnything) {
  ProxyView x = At("x", 0);
  x.baseline.share = Weight::Zero();
  EXPECT_EQ(WhoDisobeys(Combined({x}), Weight::Zero()),
            "the proxy at x gives both servers the weight 0");
}

TEST(WhoDraws, NamesEachProxyThatAnsweredAndDrawsSo) {
  ProxyView x = At("x", 500);
  x.draw = Draw::kNotRandom;
  x.draw_note = "x goes round";
  ProxyView y = x;
  y.draw_note = "y goes round";
  ProxyView away = Away("z");
  away.draw = Draw::kNotRandom;
  away.draw_note = "not seen";
  const RouteView view = Combined({x, At("w", 500), y, away});
  EXPECT_EQ(WhoDraws(view, Draw::kNotRandom), "x goes round; y goes round");
  EXPECT_EQ(WhoDraws(view, Draw::kUnknown), "");
  EXPECT_EQ(WhoDraws(Combined({At("w", 500)}), Draw::kNotRandom), "");
}

}  // namespace
}  // namespace auspex::traffic
