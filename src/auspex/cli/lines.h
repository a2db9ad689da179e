#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>

namespace auspex::cli {

// The lines of a stream, with bounded memory whatever arrives: of a line longer than `longest`
// bytes the first `longest` + 1 are kept, so that its length still tells, and the rest is skipped.
//
//   LineReader lines(std::cin, 4 << 20);
//   for (std::string line; lines.Next(&line);) ...
//
// `in` outlives it. Not thread-safe.
class LineReader {
 public:
  LineReader(std::istream& in, std::size_t longest) : in_(&in), longest_(longest) {}

  // The next line without its end, as soon as it is complete; also one that the end of the stream
  // cuts short. False at the end.
  bool Next(std::string* line);
  // Of the line that Next gave, from 1.
  [[nodiscard]] std::int64_t number() const { return number_; }

 private:
  std::istream* in_;
  std::size_t longest_;
  std::int64_t number_ = 0;
};

}  // namespace auspex::cli
