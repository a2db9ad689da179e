#include "auspex/storage/object_store.h"

#include <algorithm>
#include <cstddef>

namespace auspex::storage {
namespace {

constexpr std::size_t kMaxNameBytes = 512;
constexpr std::size_t kMaxSegmentBytes = 200;

bool IsNameByte(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool IsSegment(std::string_view text) {
  return !text.empty() && text.size() <= kMaxSegmentBytes && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), IsNameByte);
}

}  // namespace

Status CheckObjectName(std::string_view name) {
  std::string_view rest = name;
  bool good = name.size() <= kMaxNameBytes;
  while (good) {
    const std::size_t slash = rest.find('/');
    good = IsSegment(rest.substr(0, slash));
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (good) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "'{}' cannot name an object: use at most {} bytes, segments of [A-Za-z0-9._-] joined "
              "by '/', none of them '.' or '..'",
              name.substr(0, kMaxNameBytes), kMaxNameBytes);
}

}  // namespace auspex::storage
