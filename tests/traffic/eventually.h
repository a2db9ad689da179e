#pragma once

#include <chrono>
#include <thread>

#include "auspex/base/clock.h"

namespace auspex::testing {

// Whether `condition` becomes true within a time that is only reached where it never does.
template <typename Condition>
bool Eventually(const Condition& condition) {
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < limit) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return condition();
}

}  // namespace auspex::testing
