#include "auspex/base/ids.h"

namespace auspex {
namespace {

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

Status CheckName(std::string_view what, std::string_view text) {
  constexpr std::size_t kLongest = 128;
  bool good = !text.empty() && text.size() <= kLongest && IsAlnum(text[0]);
  for (const char c : text) good = good && (IsAlnum(c) || c == '.' || c == '_' || c == '-');
  if (!good) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "{} '{}': use 1 to {} letters, digits, '.', '_' and '-', the first a letter or digit", what,
        text.substr(0, kLongest), kLongest);
  }
  return {};
}

Result<DeploymentId> DeploymentId::Parse(std::string_view text) {
  AUSPEX_TRY(CheckName("deployment", text));
  return DeploymentId(std::string(text));
}

}  // namespace auspex
