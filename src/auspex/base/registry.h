#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/base/result.h"

namespace auspex {

// Named factories of a port's adapters: `Registry<Router, const RouterConfig&>`. Filled by one
// Register...() list a port (a static object that registers itself is dropped by the linker).
template <typename Port, typename... Args>
class Registry {
 public:
  using Factory = std::function<Result<std::unique_ptr<Port>>(Args...)>;

  // Error: kConflict if the name is taken.
  Status Add(std::string name, Factory factory) {
    const auto [entry, added] = factories_.emplace(std::move(name), std::move(factory));
    if (!added) return Fail(ErrorCode::kConflict, "'{}' is registered already", entry->first);
    return {};
  }

  // Errors: kNotFound with the names there are; the factory's own.
  template <typename... CallArgs>
  Result<std::unique_ptr<Port>> Create(std::string_view name, CallArgs&&... args) const {
    const auto found = factories_.find(name);
    if (found == factories_.end()) {
      return Fail(ErrorCode::kNotFound, "no adapter '{}'; there is {}", name,
                  fmt::join(Names(), ", "));
    }
    return found->second(std::forward<CallArgs>(args)...);
  }

  [[nodiscard]] std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, factory] : factories_) names.push_back(name);
    return names;
  }

 private:
  std::map<std::string, Factory, std::less<>> factories_;
};

}  // namespace auspex
