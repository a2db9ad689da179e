#include "auspex/api/json_body.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace auspex::api {
namespace {

constexpr std::size_t kLongestText = 1000;  // in characters

std::size_t Characters(const std::string& utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // all but what goes on with one
  }));
}

}  // namespace

HttpReply Reply(std::string json, int status) {
  return {.status = status,
          .content_type = "application/json",
          .body = std::move(json),
          .headers = {},
          .events = {}};
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Body::Body(const HttpCall& call, std::initializer_list<std::string_view> known) {
  json_ = Json::parse(call.body.empty() ? "{}" : call.body, nullptr, false);
  if (!json_.is_object()) {
    Refuse("", json_.is_discarded() ? "the body is not JSON" : "the body is not a JSON object");
    return;
  }
  for (const auto& [key, value] : json_.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      Refuse("/" + key, fmt::format("unknown; known are {}", fmt::join(known, ", ")));
    }
  }
}

std::string Body::Text(const char* key, bool required) {
  const auto found = Find(key);
  const std::string pointer = fmt::format("/{}", key);
  if (found == nullptr) {
    if (required) Refuse(pointer, "missing; a text is needed");
    return "";
  }
  if (!found->is_string()) {
    Refuse(pointer, "not a text");
    return "";
  }
  std::string text = found->get<std::string>();
  if (required && text.empty()) Refuse(pointer, "empty; a text is needed");
  if (Characters(text) > kLongestText) {
    Refuse(pointer, fmt::format("longer than {} characters", kLongestText));
  }
  return text;
}

std::optional<double> Body::Share(const char* key, bool required) {
  const auto found = Find(key);
  const std::string pointer = fmt::format("/{}", key);
  if (found == nullptr) {
    if (required) Refuse(pointer, "missing; a share from 0 to 1 is needed");
    return std::nullopt;
  }
  if (found->is_number() && found->get<double>() >= 0.0 && found->get<double>() <= 1.0)
    return found->get<double>();
  Refuse(pointer, "not a share from 0 to 1");
  return std::nullopt;
}

std::string Body::Object(const char* key) {
  const auto found = Find(key);
  if (found == nullptr) return "";
  if (found->is_object()) return Dump(*found);
  Refuse(fmt::format("/{}", key), "not an object");
  return "";
}

const Json* Body::Find(const char* key) const {
  if (!json_.is_object()) return nullptr;
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void Body::Refuse(std::string pointer, std::string detail) {
  errors_.push_back({std::move(pointer), std::move(detail)});
}

Result<std::size_t> Limit(const HttpCall& call) {
  const auto text = call.QueryValue("limit");
  if (!text) return kDefaultLimit;
  std::size_t limit = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (failed != std::errc() || end != text->data() + text->size() || limit < 1 ||
      limit > kMostLimit) {
    return Fail(ErrorCode::kInvalidArgument, "limit: a whole number from 1 to {}, not '{}'",
                kMostLimit, *text);
  }
  return limit;
}

Result<std::int64_t> SeqCursor(const HttpCall& call) {
  const auto text = call.QueryValue("cursor");
  if (!text) return std::int64_t{0};
  std::int64_t seq = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), seq);
  if (failed != std::errc() || end != text->data() + text->size() || seq < 0) {
    return Fail(ErrorCode::kInvalidArgument, "cursor: as the page before gave it, not '{}'", *text);
  }
  return seq;
}

}  // namespace auspex::api
