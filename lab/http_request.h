#pragma once

#include <cstddef>
#include <string_view>

namespace auspex::lab {

// The part of HTTP/1.x that the sample service speaks.
struct RequestHead {
  std::string_view method;
  std::string_view path;  // without the query
  bool keep_alive = true;
  std::size_t size = 0;  // bytes of the request, body included
};

enum class ParseState { kWhole, kMore, kBad };

struct Parsed {
  ParseState state = ParseState::kMore;
  RequestHead request;      // views into the text; only where kWhole
  std::string_view reason;  // only where kBad
};

inline constexpr std::size_t kMaxHeaderBytes = 8 * 1024;
inline constexpr std::size_t kMaxBodyBytes = 16 * 1024;

// The first request of `text`, which may hold a part of one or several. Bad: what is not HTTP/1.0
// or 1.1, headers over kMaxHeaderBytes, a body over kMaxBodyBytes or of unstated length.
[[nodiscard]] Parsed ParseRequest(std::string_view text);

// True where `a` equals `lower`, which is in lower case, but for the case of ASCII letters.
[[nodiscard]] bool EqualsLower(std::string_view a, std::string_view lower);
// `text` without blanks at its ends.
[[nodiscard]] std::string_view Trim(std::string_view text);

}  // namespace auspex::lab
