#include "auspex/base/weight.h"

#include <charconv>
#include <cmath>

namespace auspex {

Result<Weight> Weight::FromBp(std::int32_t bp) {
  if (bp < 0 || bp > kWholeBp) {
    return Fail(ErrorCode::kInvalidArgument, "a weight is 0 to 10000 basis points, not {}", bp);
  }
  return Weight(bp);
}

Result<Weight> Weight::FromShare(double share) {
  if (!(share >= 0.0 && share <= 1.0)) {
    return Fail(ErrorCode::kInvalidArgument, "a weight is a share from 0 to 1, not {}", share);
  }
  return Weight(static_cast<std::int32_t>(std::lround(share * kWholeBp)));
}

Result<Weight> Weight::Parse(std::string_view text) {
  AUSPEX_TRY(const double share, ParseShare(text));
  return FromShare(share);
}

std::string Weight::ToPercent() const {
  std::string text = fmt::format("{:.2f}", bp_ / 100.0);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + "%";
}

Result<double> ParseShare(std::string_view text) {
  const bool percent = text.ends_with('%');
  const std::string_view digits = percent ? text.substr(0, text.size() - 1) : text;
  double number = 0.0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failed != std::errc() || end != digits.data() + digits.size() || digits.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not a share; write 5% or 0.05", text);
  }
  const double share = percent ? number / 100.0 : number;
  if (!(share >= 0.0 && share <= 1.0)) {
    const bool forgotten = !percent && number > 1.0 && number <= 100.0;
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not a share from 0 to 1 (or 0% to 100%){}",
                text, forgotten ? fmt::format("; did you mean {}%?", text) : "");
  }
  return share;
}

}  // namespace auspex
