#pragma once

#include <compare>
#include <cstdint>

#include "auspex/base/result.h"

namespace auspex {

// A number in [0, 1]; NaN is refused.
class Probability {
 public:
  struct Counts {
    std::int64_t hits;
    std::int64_t trials;
  };

  constexpr Probability() = default;  // 0
  // Error: kInvalidArgument outside [0, 1].
  static Result<Probability> From(double value);
  // hits / trials. Errors: kNoData for no trials; kInvalidArgument for hits outside [0, trials].
  static Result<Probability> FromCounts(Counts counts);

  [[nodiscard]] constexpr double value() const { return value_; }
  // p / (1 - p); infinite at 1.
  [[nodiscard]] constexpr double Odds() const { return value_ / (1.0 - value_); }
  [[nodiscard]] constexpr Probability Complement() const { return Probability(1.0 - value_); }
  friend constexpr auto operator<=>(Probability, Probability) = default;

 private:
  explicit constexpr Probability(double value) : value_(value) {}
  double value_ = 0.0;
};

}  // namespace auspex
