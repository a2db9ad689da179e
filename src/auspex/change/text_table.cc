#include "auspex/change/text_table.h"

#include <limits>

namespace auspex::change {

std::uint64_t HashOf(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  hash ^= hash >> 33U;
  hash *= 0xff51afd7ed558ccdULL;
  hash ^= hash >> 33U;
  return hash;
}

std::string_view TextTable::Text(std::uint32_t number) const {
  const std::uint32_t begin = number == 0 ? 0 : ends_[number - 1];
  return std::string_view(all_).substr(begin, ends_[number] - begin);
}

std::size_t TextTable::Slot(std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = static_cast<std::size_t>(HashOf(text)) & mask;
  while (slots_[slot] != kNoText && Text(slots_[slot]) != text) slot = (slot + 1) & mask;
  return slot;
}

std::uint32_t TextTable::Find(std::string_view text) const {
  return slots_.empty() ? kNoText : slots_[Slot(text)];
}

void TextTable::Grow() {
  slots_.assign(slots_.empty() ? 64 : 2 * slots_.size(), kNoText);
  for (std::uint32_t number = 0; number < ends_.size(); ++number)
    slots_[Slot(Text(number))] = number;
}

std::uint32_t TextTable::FindOrAdd(std::string_view text) {
  if (2 * (ends_.size() + 1) > slots_.size()) Grow();
  const std::size_t slot = Slot(text);
  if (slots_[slot] != kNoText) return slots_[slot];
  if (all_.size() + text.size() > std::numeric_limits<std::uint32_t>::max() ||
      ends_.size() + 1 >= kNoText)
    return kNoText;
  all_ += text;
  ends_.push_back(static_cast<std::uint32_t>(all_.size()));
  slots_[slot] = static_cast<std::uint32_t>(ends_.size() - 1);
  return slots_[slot];
}

void TextTable::Write(ByteWriter& writer) const {
  writer.PutText(all_);
  writer.PutList(ends_);
}

void TextTable::Read(ByteReader& reader) {
  all_ = reader.GetText();
  ends_ = reader.GetList<std::uint32_t>();
  std::uint32_t before = 0;
  for (const std::uint32_t end : ends_) {
    if (end < before || end > all_.size()) return reader.Fail();
    before = end;
  }
  slots_.clear();
  while (2 * ends_.size() > slots_.size()) {
    slots_.resize(slots_.empty() ? 64 : 2 * slots_.size(), kNoText);
  }
  if (!slots_.empty()) {
    slots_.resize(slots_.size() / 2);
    Grow();
  }
}

}  // namespace auspex::change
