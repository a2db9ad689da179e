#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "auspex/base/result.h"

namespace auspex::change {

// A snapshot's bytes: integers as this machine holds them, texts and lists with their length before
// them. Snapshots stay on the machine that wrote them; what is elsewhere is computed anew.
class ByteWriter {
 public:
  template <typename T>
  requires std::is_trivially_copyable_v<T>
  void Put(const T& value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T)); }
  void PutText(std::string_view text) {
    Put(std::uint64_t{text.size()});
    bytes_ += text;
  }
  template <typename T>
  requires std::is_trivially_copyable_v<T>
  void PutList(const std::vector<T>& list) {
    Put(std::uint64_t{list.size()});
    if (!list.empty())
      bytes_.append(reinterpret_cast<const char*>(list.data()), list.size() * sizeof(T));
  }
  [[nodiscard]] std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what ByteWriter wrote. Never beyond the end: a read that does not fit gives a zero or
// nothing, and good() is false from then on.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  requires std::is_trivially_copyable_v<T> T Get() {
    T value{};
    if (bytes_.size() < sizeof(T)) {
      good_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_.remove_prefix(sizeof(T));
    return value;
  }
  std::string GetText() {
    const std::size_t size = Length(1);
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }
  template <typename T>
  requires std::is_trivially_copyable_v<T> std::vector<T> GetList() {
    const std::size_t size = Length(sizeof(T));
    std::vector<T> list(size);
    if (size > 0) std::memcpy(list.data(), bytes_.data(), size * sizeof(T));
    bytes_.remove_prefix(size * sizeof(T));
    return list;
  }
  // How many things of at least `each` bytes follow; 0 where so many cannot.
  std::size_t Length(std::size_t each) {
    const auto size = Get<std::uint64_t>();
    if (size > bytes_.size() / each) good_ = false;
    return good_ ? static_cast<std::size_t>(size) : 0;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool finished() const { return good_ && bytes_.empty(); }
  void Fail() { good_ = false; }

 private:
  std::string_view bytes_;
  bool good_ = true;
};

}  // namespace auspex::change
