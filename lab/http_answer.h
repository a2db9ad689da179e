#pragma once

#include <cstddef>
#include <string_view>

#include "lab/http_request.h"

namespace auspex::lab {

// What a client needs to know of an HTTP/1.x answer.
struct ParsedAnswer {
  ParseState state = ParseState::kMore;  // kWhole: to the end of its body
  int status = 0;                        // also where only the body is missing; 0: not yet known
  bool keep_alive = false;               // false too where only the end of the stream ends the body
  bool ends_with_stream = false;         // no length is given: the caller decides when it is whole
  std::size_t size = 0;                  // bytes of it, where kWhole
};

// The first answer of `text`. Bad: not HTTP/1.x, headers over kMaxHeaderBytes.
[[nodiscard]] ParsedAnswer ParseAnswer(std::string_view text);

}  // namespace auspex::lab
