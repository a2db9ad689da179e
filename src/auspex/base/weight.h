#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "auspex/base/result.h"

namespace auspex {

// Share of a service's requests that the canary gets, in basis points (1 bp = 0.01 %).
// An integer, because the weights of all routes must sum to exactly 10'000.
class Weight {
 public:
  static constexpr std::int32_t kWholeBp = 10'000;

  constexpr Weight() = default;  // 0
  static constexpr Weight Zero() { return Weight(0); }
  static constexpr Weight Whole() { return Weight(kWholeBp); }
  // Error: kInvalidArgument outside [0, 10'000].
  static Result<Weight> FromBp(std::int32_t bp);
  // The nearest basis point. Error: kInvalidArgument outside [0, 1] or NaN.
  static Result<Weight> FromShare(double share);
  // `5%` or `0.05`. Error: kInvalidArgument for anything else.
  static Result<Weight> Parse(std::string_view text);

  [[nodiscard]] constexpr std::int32_t bp() const { return bp_; }
  [[nodiscard]] constexpr double share() const { return bp_ / 1e4; }
  [[nodiscard]] std::string ToPercent() const;  // "3.9%"
  friend constexpr auto operator<=>(Weight, Weight) = default;

 private:
  explicit constexpr Weight(std::int32_t bp) : bp_(bp) {}
  std::int32_t bp_ = 0;
};

// `5%` or `0.05` as a number in [0, 1]. Error: kInvalidArgument.
Result<double> ParseShare(std::string_view text);

}  // namespace auspex
