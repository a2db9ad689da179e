#pragma once

// Private to this module: JSON written straight into a text. A tick is written each second for each
// rollout; building a tree of it first took ten times as long (docs/performance.md).

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace auspex::rollout {

// The caller keeps the order: a key before each value in an object, as many Close as Open. Texts
// and numbers come out byte for byte as nlohmann::json dumps them (bytes that are not UTF-8
// replaced), because the stored bytes are hashed and compared. Not thread-safe.
class JsonWriter {
 public:
  JsonWriter& Open(char bracket);  // '{' or '['
  JsonWriter& Close(char bracket);
  JsonWriter& Key(std::string_view key);
  JsonWriter& Number(double value);  // null where it is not finite
  JsonWriter& Whole(std::int64_t value);
  JsonWriter& Text(std::string_view value);
  JsonWriter& Flag(bool value);
  JsonWriter& Null();
  // A value that is JSON already.
  JsonWriter& Raw(std::string_view json);
  [[nodiscard]] std::string Take() { return std::move(text_); }

 private:
  void BeforeValue();
  void Quote(std::string_view value);

  std::string text_;
  bool comma_ = false;  // a value stands before, in the same brackets
};

}  // namespace auspex::rollout
