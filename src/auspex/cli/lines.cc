#include "auspex/cli/lines.h"

namespace auspex::cli {

bool LineReader::Next(std::string* line) {
  using Traits = std::istream::traits_type;
  line->clear();
  std::streambuf* const bytes = in_->rdbuf();
  Traits::int_type byte = bytes->sbumpc();
  if (Traits::eq_int_type(byte, Traits::eof())) return false;
  for (; !Traits::eq_int_type(byte, Traits::eof()); byte = bytes->sbumpc()) {
    const char c = Traits::to_char_type(byte);
    if (c == '\n') break;
    if (line->size() <= longest_) line->push_back(c);
  }
  ++number_;
  return true;
}

}  // namespace auspex::cli
