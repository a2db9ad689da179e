#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

namespace auspex {

// Who acts on an error.
enum class ErrorCode {
  kInvalidArgument,   // the caller: the input is wrong
  kNotFound,          // the caller: there is no such thing
  kConflict,          // the caller: it is there already, or the state forbids it
  kPermissionDenied,  // the operator: a file, socket or role refuses us
  kNoData,            // nobody yet: wait for more
  kUnavailable,       // retry: the other side did not answer, or answered that it cannot now
  kDataLoss,          // page a person: something stored is damaged
  kInternal,          // us: a bug
};

[[nodiscard]] constexpr std::string_view Name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kPermissionDenied:
      return "permission denied";
    case ErrorCode::kNoData:
      return "no data";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kDataLoss:
      return "data loss";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

// What failed, with its values, and how to mend it where a person can.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  friend bool operator==(const Error&, const Error&) = default;
};

// Converts to any Result: `return Fail(ErrorCode::kNotFound, "no service '{}'", name);`
struct Failure {
  Error error;
};

template <typename... Args>
[[nodiscard]] Failure Fail(ErrorCode code, fmt::format_string<Args...> text, Args&&... args) {
  return Failure{Error{code, fmt::format(text, std::forward<Args>(args)...)}};
}

// A value or an Error. tl::expected is not [[nodiscard]]; an error that nobody looks at is a bug.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(const T& value)
      : state_(value) {}  // NOLINT(google-explicit-constructor): reads as the value
  Result(T&& value) : state_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  // NOLINTBEGIN(bugprone-forwarding-reference-overload): the constraint leaves Result itself out
  template <typename U>
  requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
           !std::is_same_v<std::remove_cvref_t<U>, Failure> &&
           !std::is_same_v<std::remove_cvref_t<U>, Error> &&
           !std::is_same_v<std::remove_cvref_t<U>, Result>) Result(U&& value)
      : state_(T(std::forward<U>(value))) {}  // NOLINT(google-explicit-constructor)
  // NOLINTEND(bugprone-forwarding-reference-overload)
  Result(Failure failure)
      : state_(tl::unexpect, std::move(failure.error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return state_.has_value(); }
  [[nodiscard]] bool has_value() const { return state_.has_value(); }
  explicit operator bool() const { return state_.has_value(); }

  [[nodiscard]] const T& value() const& { return state_.value(); }
  [[nodiscard]] T& value() & { return state_.value(); }
  [[nodiscard]] T&& value() && { return std::move(state_).value(); }
  [[nodiscard]] const T& operator*() const& { return *state_; }
  [[nodiscard]] T& operator*() & { return *state_; }
  [[nodiscard]] T&& operator*() && { return *std::move(state_); }
  const T* operator->() const { return &*state_; }
  T* operator->() { return &*state_; }
  template <typename U>
  [[nodiscard]] T value_or(U&& other) const& {
    return state_.value_or(std::forward<U>(other));
  }

  // Only where !ok().
  [[nodiscard]] const Error& error() const& { return state_.error(); }
  [[nodiscard]] Error&& error() && { return std::move(state_).error(); }

  friend bool operator==(const Result& a, const T& b) { return a.ok() && *a == b; }

 private:
  tl::expected<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Failure failure)
      : error_(std::move(failure.error)), ok_(false) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool has_value() const { return ok_; }
  explicit operator bool() const { return ok_; }
  [[nodiscard]] const Error& error() const& { return error_; }
  [[nodiscard]] Error&& error() && { return std::move(error_); }

 private:
  Error error_;
  bool ok_ = true;
};

using Status = Result<void>;

// The same error, its message behind `where: `.
[[nodiscard]] inline Failure Within(std::string_view where, const Error& error) {
  return Failure{Error{error.code, fmt::format("{}: {}", where, error.message)}};
}

}  // namespace auspex

// NOLINTBEGIN(bugprone-macro-parentheses): names and declarations cannot stand in parentheses
#define AUSPEX_CONCAT_INNER(a, b) a##b
#define AUSPEX_CONCAT(a, b) AUSPEX_CONCAT_INNER(a, b)
// AUSPEX_TRY(const auto x, F()); or AUSPEX_TRY(G()); returns the error of the call, if any, from
// this function.
#define AUSPEX_TRY_VALUE(temporary, declaration, expression)                   \
  auto temporary = (expression);                                               \
  if (!temporary.ok()) return ::auspex::Failure{std::move(temporary).error()}; \
  declaration = *std::move(temporary)
#define AUSPEX_TRY_STATUS(temporary, expression)                                 \
  do {                                                                           \
    auto temporary = (expression);                                               \
    if (!temporary.ok()) return ::auspex::Failure{std::move(temporary).error()}; \
  } while (false)
#define AUSPEX_TRY_1(expression) AUSPEX_TRY_STATUS(AUSPEX_CONCAT(try_, __LINE__), expression)
#define AUSPEX_TRY_2(declaration, expression) \
  AUSPEX_TRY_VALUE(AUSPEX_CONCAT(try_, __LINE__), declaration, expression)
#define AUSPEX_TRY_PICK(a, b, name, ...) name
#define AUSPEX_TRY(...) AUSPEX_TRY_PICK(__VA_ARGS__, AUSPEX_TRY_2, AUSPEX_TRY_1, )(__VA_ARGS__)
// NOLINTEND(bugprone-macro-parentheses)
