#include "auspex/change/line_counts.h"

#include <algorithm>
#include <utility>

namespace auspex::change {
namespace {

std::uint64_t KeyOf(const ObjectId& id) { return std::max<std::uint64_t>(id.prefix(), 1); }

}  // namespace

std::size_t LineCounts::Generation::Slot(std::uint64_t key) const {
  const std::size_t mask = keys.size() - 1;
  std::size_t slot = static_cast<std::size_t>(key) & mask;  // ids are random already
  while (keys[slot] != 0 && keys[slot] != key) slot = (slot + 1) & mask;
  return slot;
}

void LineCounts::Generation::Grow() {
  Generation larger;
  larger.keys.resize(std::max<std::size_t>(1024, 2 * keys.size()));
  larger.lines.resize(larger.keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] != 0) larger.Set(keys[i], lines[i]);
  }
  *this = std::move(larger);
}

void LineCounts::Generation::Set(std::uint64_t key, std::uint32_t value) {
  if (3 * (count + 1) > 2 * keys.size()) Grow();
  const std::size_t slot = Slot(key);
  if (keys[slot] == 0) {
    keys[slot] = key;
    ++count;
  }
  lines[slot] = value;
}

std::optional<std::uint32_t> LineCounts::Find(const ObjectId& id) const {
  const std::uint64_t key = KeyOf(id);
  for (const Generation* generation : {&young_, &old_}) {
    if (generation->keys.empty()) continue;
    const std::size_t slot = generation->Slot(key);
    if (generation->keys[slot] == key) return generation->lines[slot];
  }
  return std::nullopt;
}

void LineCounts::Set(const ObjectId& id, std::uint32_t lines) {
  if (young_.count >= kGeneration) old_ = std::exchange(young_, Generation());
  young_.Set(KeyOf(id), lines);
}

void LineCounts::Write(ByteWriter& writer) const {
  for (const Generation* generation : {&old_, &young_}) {
    writer.PutList(generation->keys);
    writer.PutList(generation->lines);
    writer.Put(generation->count);
  }
}

void LineCounts::Read(ByteReader& reader) {
  for (Generation* generation : {&old_, &young_}) {
    generation->keys = reader.GetList<std::uint64_t>();
    generation->lines = reader.GetList<std::uint32_t>();
    generation->count = reader.Get<std::uint64_t>();
    const std::size_t size = generation->keys.size();
    const auto used = static_cast<std::uint64_t>(
        size -
        static_cast<std::size_t>(std::count(generation->keys.begin(), generation->keys.end(), 0U)));
    // A search ends only where the table is a power of two and a slot is free.
    if ((size & (size - 1)) != 0 || generation->lines.size() != size || generation->count != used ||
        (size > 0 && used == size))
      return reader.Fail();
  }
}

bool IsBinary(std::string_view content) {
  return content.substr(0, 8000).find('\0') != std::string_view::npos;
}

std::uint32_t LinesIn(std::string_view content) {
  if (content.empty() || IsBinary(content)) return 0;
  const auto ends = std::count(content.begin(), content.end(), '\n');
  return static_cast<std::uint32_t>(ends) + (content.back() == '\n' ? 0U : 1U);
}

}  // namespace auspex::change
