#include "auspex/builds/json_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "auspex/base/nearest.h"

namespace auspex::builds {
namespace {

const Json& NoObject() {
  static const Json kNone = Json::object();
  return kNone;
}

// RFC 6901: '~' and '/' stand for themselves as ~0 and ~1.
std::string Escaped(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

// GitLab writes "2016-08-12 15:23:28 UTC", others an offset without its colon.
std::string AsRfc3339(std::string text) {
  if (text.ends_with(" UTC")) return text.substr(0, text.size() - 4) + "Z";
  const std::size_t sign = text.size() < 5 ? std::string::npos : text.size() - 5;
  if (sign != std::string::npos && sign > 18 && (text[sign] == '+' || text[sign] == '-') &&
      std::all_of(text.begin() + static_cast<std::ptrdiff_t>(sign) + 1, text.end(),
                  [](char c) { return c >= '0' && c <= '9'; })) {
    text.insert(text.size() - 2, ":");
    if (text[sign - 1] == ' ') text.erase(sign - 1, 1);
  }
  return text;
}

}  // namespace

void Note(std::vector<PayloadProblem>* problems, std::string pointer, std::string detail) {
  if (problems->size() < kMaxProblems)
    problems->push_back({Clip(std::move(pointer), 300), Clip(std::move(detail), 600)});
}

std::size_t Characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // all but what goes on with one
  }));
}

std::string Clip(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::size_t end = bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text;
}

std::string LastSegment(std::string_view path) {
  path = path.substr(0, path.find_first_of("?#"));
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  std::string last(slash == std::string_view::npos ? path : path.substr(slash + 1));
  const std::size_t first = last.find_first_not_of(' ');
  return first == std::string::npos ? "" : last.substr(first);
}

Fields::Fields(const Json& node, std::string pointer, Strictness strictness,
               std::vector<PayloadProblem>* problems)
    : node_(node.is_object() ? &node : &NoObject()),
      pointer_(std::move(pointer)),
      strictness_(strictness),
      problems_(problems) {
  if (!node.is_object() && strictness_ == Strictness::kOurs) Refuse("", "not a JSON object");
}

const Json* Fields::Find(std::string_view key) const {
  const auto found = node_->find(std::string(key));
  return found == node_->end() || found->is_null() ? nullptr : &*found;
}

std::string Fields::Pointer(std::string_view key) const {
  return key.empty() ? pointer_ : pointer_ + "/" + Escaped(key);
}

void Fields::Refuse(std::string_view key, std::string detail) {
  Note(problems_, Pointer(key), std::move(detail));
}

std::string Fields::Text(std::string_view key) {
  asked_.emplace_back(key);
  const Json* found = Find(key);
  if (found == nullptr) return "";
  if (found->is_number_integer()) return found->dump();
  if (!found->is_string()) {
    if (strictness_ == Strictness::kOurs) Refuse(key, "not a text");
    return "";
  }
  auto text = found->get<std::string>();
  if (strictness_ == Strictness::kOurs && Characters(text) > kMaxText)
    Refuse(key, fmt::format("longer than {} characters", kMaxText));
  return Clip(std::move(text));
}

std::string Fields::RequiredText(std::string_view key) {
  std::string text = Text(key);
  const Json* found = Find(key);
  if (text.empty() && (found == nullptr || found->is_string())) {
    Refuse(key, found == nullptr ? "missing; a text is needed" : "empty; a text is needed");
  } else if (text.empty() && strictness_ == Strictness::kForeign) {
    Refuse(key, "not a text");
  }
  return text;
}

std::optional<std::int64_t> Fields::Count(std::string_view key) {
  asked_.emplace_back(key);
  const Json* found = Find(key);
  if (found == nullptr) return std::nullopt;
  constexpr double kMost = 1e15;
  if (found->is_number()) {
    const double value = found->get<double>();
    if (value >= 0.0 && value <= kMost && value == std::floor(value))
      return static_cast<std::int64_t>(value);
  }
  Refuse(key, "not a whole number from 0 up");
  return std::nullopt;
}

std::optional<double> Fields::Number(std::string_view key, double low, double high) {
  asked_.emplace_back(key);
  const Json* found = Find(key);
  if (found == nullptr) return std::nullopt;
  if (found->is_number()) {
    const double value = found->get<double>();
    if (value >= low && value <= high) return value;
  }
  Refuse(key, fmt::format("not a number from {:g} to {:g}", low, high));
  return std::nullopt;
}

std::optional<bool> Fields::Flag(std::string_view key) {
  asked_.emplace_back(key);
  const Json* found = Find(key);
  if (found == nullptr) return std::nullopt;
  if (found->is_boolean()) return found->get<bool>();
  Refuse(key, "neither true nor false");
  return std::nullopt;
}

std::optional<WallTime> Fields::Time(std::string_view key) {
  asked_.emplace_back(key);
  const Json* found = Find(key);
  if (found == nullptr) return std::nullopt;
  std::string text;
  if (found->is_string()) text = AsRfc3339(found->get<std::string>());
  if (found->is_number()) text = found->dump();
  const Result<WallTime> time = ParseTime(text);
  if (time.ok() && *time >= WallTime{}) return *time;
  Refuse(key,
         "not a time from 1970 on: write RFC 3339 (2026-11-24T09:30:00Z) or seconds, not "
         "milliseconds");
  return std::nullopt;
}

std::optional<WallTime> Fields::TimeMs(std::string_view key) {
  const std::optional<double> ms = Number(key, 0.0, 4e12);  // up to the year 2096
  if (!ms) return std::nullopt;
  return FromMicros(std::llround(*ms * 1e3));
}

std::vector<std::string> Fields::Texts(std::string_view key) {
  asked_.emplace_back(key);
  const Json* found = Find(key);
  if (found == nullptr) return {};
  std::vector<std::string> texts;
  if (!found->is_array()) {
    Refuse(key, "not a list of texts");
    return texts;
  }
  if (found->size() > kMaxList && strictness_ == Strictness::kOurs)
    Refuse(key, fmt::format("more than {} texts", kMaxList));
  for (const Json& item : *found) {
    if (texts.size() == kMaxList) break;
    if (item.is_string()) {
      texts.push_back(Clip(item.get<std::string>(), 300));
    } else if (strictness_ == Strictness::kOurs) {
      Refuse(key, "not a list of texts");
      break;
    }
  }
  return texts;
}

Fields Fields::Object(std::string_view key) {
  asked_.emplace_back(key);
  const Json* found = Find(key);
  return {found == nullptr ? NoObject() : *found, Pointer(key), strictness_, problems_};
}

std::vector<Fields> Fields::Objects(std::string_view key) {
  asked_.emplace_back(key);
  const Json* found = Find(key);
  std::vector<Fields> objects;
  if (found == nullptr || !found->is_array()) return objects;
  for (const Json& item : *found) {
    if (objects.size() == kMaxList) break;
    objects.emplace_back(item, fmt::format("{}/{}", Pointer(key), objects.size()), strictness_,
                         problems_);
  }
  return objects;
}

void Fields::Finish() {
  if (strictness_ != Strictness::kOurs) return;
  for (const auto& [key, value] : node_->items()) {
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    const std::optional<std::string> meant = Nearest(key, asked_);
    Refuse(key, meant ? fmt::format("unknown; did you mean '{}'?", *meant)
                      : fmt::format("unknown; known are {}", fmt::join(asked_, ", ")));
  }
}

}  // namespace auspex::builds
