#pragma once

#include <string_view>
#include <vector>

namespace auspex::change {

// What a commit's message says beside its reason. Pure; any bytes.

// Runs of ASCII letters.
[[nodiscard]] std::vector<std::string_view> WordsOf(std::string_view message);
[[nodiscard]] bool SameIgnoringCase(std::string_view a, std::string_view b);  // ASCII

// `git revert` writes "This reverts commit …"; forges and people write "Revert …" first.
[[nodiscard]] bool IsRevert(std::string_view message);
// `git cherry-pick -x` writes "(cherry picked from commit …)".
[[nodiscard]] bool IsCherryPick(std::string_view message);
// How many different people the trailers Reviewed-by, Acked-by, Tested-by and Approved-by name. It
// counts lines anywhere in the message, as forges move them about.
[[nodiscard]] int ReviewersIn(std::string_view message);

}  // namespace auspex::change
