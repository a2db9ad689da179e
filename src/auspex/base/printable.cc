#include "auspex/base/printable.h"

namespace auspex {
namespace {

constexpr std::string_view kEllipsis = "…";

}  // namespace

std::string Printable(std::string_view text, std::size_t most) {
  const bool cut = text.size() > most;
  if (cut) {
    std::size_t end = most - kEllipsis.size();
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text = text.substr(0, end);
  }
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool two =
        byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    shown += byte < 0x20 || byte == 0x7F || two ? '?' : text[i];
    i += two ? 1U : 0U;
  }
  return cut ? shown.append(kEllipsis) : shown;
}

}  // namespace auspex
