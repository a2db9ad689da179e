#include "lab/http_answer.h"

#include <charconv>
#include <system_error>

namespace auspex::lab {
namespace {

bool ToNumber(std::string_view text, std::size_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool ReadStatusLine(std::string_view line, ParsedAnswer& answer) {
  std::size_t status = 0;
  const bool good = line.size() >= 12 && line.starts_with("HTTP/1.") && line[8] == ' ' &&
                    ToNumber(line.substr(9, 3), status) && status >= 100;
  answer.status = static_cast<int>(status);
  answer.keep_alive = line.starts_with("HTTP/1.1");
  return good;
}

}  // namespace

ParsedAnswer ParseAnswer(std::string_view text) {
  ParsedAnswer answer;
  const std::size_t end = text.substr(0, kMaxHeaderBytes).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (text.size() >= kMaxHeaderBytes) answer.state = ParseState::kBad;
    return answer;
  }
  std::string_view head = text.substr(0, end);
  std::size_t line_end = head.find("\r\n");
  if (!ReadStatusLine(head.substr(0, line_end), answer)) {
    answer.state = ParseState::kBad;
    return answer;
  }
  std::size_t body = 0;
  bool length_known = answer.status == 204 || answer.status == 304;
  while (line_end != std::string_view::npos) {
    head.remove_prefix(line_end + 2);
    line_end = head.find("\r\n");
    const std::string_view line = head.substr(0, line_end);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view value = Trim(line.substr(colon + 1));
    if (EqualsLower(line.substr(0, colon), "content-length")) length_known = ToNumber(value, body);
    if (EqualsLower(line.substr(0, colon), "connection") && EqualsLower(value, "close")) {
      answer.keep_alive = false;
    }
  }
  if (!length_known) {
    answer.keep_alive = false;
    answer.ends_with_stream = true;
    return answer;
  }
  // Compared so that a length near the largest number cannot wrap round.
  if (text.size() - (end + 4) < body) return answer;
  answer.state = ParseState::kWhole;
  answer.size = end + 4 + body;
  return answer;
}

}  // namespace auspex::lab
