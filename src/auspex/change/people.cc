#include "auspex/change/people.h"

#include <algorithm>
#include <string>

namespace auspex::change {
namespace {

constexpr std::int64_t kYearS = 365LL * 86'400;

std::string KeyOf(std::string_view email, std::string_view name) {
  std::string key(email.empty() ? name : email);
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return key;
}

std::uint64_t Pair(std::uint32_t author, std::uint32_t subsystem) {
  return std::uint64_t{author} << 32U | subsystem;
}

}  // namespace

std::uint32_t People::Find(std::string_view email, std::string_view name) const {
  return names_.Find(KeyOf(email, name));
}

std::uint32_t People::FindOrAdd(std::string_view email, std::string_view name) {
  const std::uint32_t author = names_.FindOrAdd(KeyOf(email, name));
  if (names_.size() > times_.size()) times_.resize(names_.size());
  return author;
}

std::size_t People::Changes(std::uint32_t author) const {
  return author < times_.size() ? times_[author].size() : 0;
}

std::uint32_t People::LastChange(std::uint32_t author) const { return times_[author].back(); }

double People::RecentChanges(std::uint32_t author, std::int64_t now_s) const {
  if (Changes(author) == 0) return 0.0;
  const std::vector<std::uint32_t>& times = times_[author];
  double sum = 0.0;
  // Those of the year [now - (n + 1) years, now - n years) back are `until` - `from`; what a clock
  // put into the future counts as of now.
  const std::int64_t now = Stored(now_s);  // at most 137 years, then
  auto until = times.end();
  for (std::int64_t n = 0; until != times.begin(); ++n) {
    const std::int64_t since_s = now - (n + 1) * kYearS;  // exclusive
    const auto from = std::upper_bound(times.begin(), until, since_s,
                                       [](std::int64_t a, std::uint32_t b) { return a < b; });
    sum += static_cast<double>(until - from) / static_cast<double>(n + 1);
    until = from;
  }
  return sum;
}

std::size_t People::ChangesTo(std::uint32_t author,
                              std::span<const std::uint32_t> subsystems) const {
  if (Changes(author) == 0) return 0;
  std::vector<const std::vector<std::uint32_t>*> lists;
  for (const std::uint32_t subsystem : subsystems) {
    const auto found = changes_to_.find(Pair(author, subsystem));
    if (found != changes_to_.end()) lists.push_back(&found->second);
  }
  if (lists.empty()) return 0;
  if (lists.size() == 1) return lists[0]->size();
  std::vector<bool> touched(Changes(author));
  for (const auto* list : lists) {
    for (const std::uint32_t change : *list) touched[change] = true;
  }
  return static_cast<std::size_t>(std::count(touched.begin(), touched.end(), true));
}

void People::Add(std::uint32_t author, std::int64_t time_s,
                 std::span<const std::uint32_t> subsystems) {
  if (author >= times_.size()) return;
  std::vector<std::uint32_t>& times = times_[author];
  const auto ordinal = static_cast<std::uint32_t>(times.size());
  for (const std::uint32_t subsystem : subsystems)
    changes_to_[Pair(author, subsystem)].push_back(ordinal);
  const std::uint32_t time = Stored(time_s);
  times.insert(std::upper_bound(times.begin(), times.end(), time), time);
}

void People::Write(ByteWriter& writer) const {
  names_.Write(writer);
  for (const auto& times : times_) writer.PutList(times);
  // In order of the keys, so that equal states give equal bytes.
  std::vector<std::uint64_t> keys;
  for (const auto& [key, list] : changes_to_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  writer.PutList(keys);
  for (const std::uint64_t key : keys) writer.PutList(changes_to_.at(key));
}

void People::Read(ByteReader& reader) {
  names_.Read(reader);
  times_.assign(names_.size(), {});
  for (auto& times : times_) {
    times = reader.GetList<std::uint32_t>();
    if (!std::is_sorted(times.begin(), times.end())) reader.Fail();
  }
  changes_to_.clear();
  for (const std::uint64_t key : reader.GetList<std::uint64_t>()) {
    std::vector<std::uint32_t> list = reader.GetList<std::uint32_t>();
    const std::size_t changes = Changes(static_cast<std::uint32_t>(key >> 32U));
    if (!std::is_sorted(list.begin(), list.end()) || (!list.empty() && list.back() >= changes))
      return reader.Fail();
    changes_to_.emplace(key, std::move(list));
  }
}

}  // namespace auspex::change
