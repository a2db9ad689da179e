#pragma once

#include <string_view>

namespace auspex::change {

// Whether a commit's message says that it mends something. Words alone, as in Mockus and Votta,
// "Identifying reasons for software changes using historic databases", ICSM 2000.
[[nodiscard]] bool IsFix(std::string_view message);

}  // namespace auspex::change
