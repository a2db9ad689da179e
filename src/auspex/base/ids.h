#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "auspex/base/result.h"

namespace auspex {

// Names a deployment in URLs, files and the ledger: 1 to 128 of [A-Za-z0-9._-], the first a letter
// or digit.
class DeploymentId {
 public:
  // Error: kInvalidArgument.
  static Result<DeploymentId> Parse(std::string_view text);
  [[nodiscard]] const std::string& text() const { return text_; }
  friend auto operator<=>(const DeploymentId&, const DeploymentId&) = default;

 private:
  explicit DeploymentId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// The rule of DeploymentId, for names of services and servers too. `what` stands in the error.
Status CheckName(std::string_view what, std::string_view text);

}  // namespace auspex
