#include "auspex/cli/exit_code.h"

#include <fmt/core.h>

#include <cstdio>

namespace auspex::cli {

ExitCode CodeFor(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
      return kWrongInput;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnavailable:
      return kOutside;
    case ErrorCode::kNoData:
      return kNoAnswer;
    case ErrorCode::kDataLoss:
      return kBad;
    case ErrorCode::kInternal:
      return kBug;
  }
  return kBug;
}

int Complain(std::string_view command, const Error& error) {
  fmt::print(stderr, "auspex {}: {}\n", command, error.message);
  if (error.code == ErrorCode::kInternal)
    fmt::print(stderr,
               "This is a bug of Auspex; please report it with the command and this text.\n");
  return CodeFor(error);
}

ExitCode CodeForEnd(std::string_view decision, std::string_view verdict) {
  if (decision == "promote") return kGood;
  if (decision == "roll_back") return verdict == "fail" ? kBad : kNoAnswer;
  return kNoAnswer;
}

}  // namespace auspex::cli
