#include "auspex/change/fixes.h"

#include <algorithm>
#include <array>

#include "auspex/change/message.h"

namespace auspex::change {

bool IsFix(std::string_view message) {
  constexpr std::array<std::string_view, 13> kWords = {
      "fix",    "fixes",  "fixed",  "fixing",  "fixup", "bug",   "bugs",
      "bugfix", "hotfix", "defect", "defects", "fault", "faults"};
  for (const std::string_view word : WordsOf(message)) {
    if (std::any_of(kWords.begin(), kWords.end(),
                    [word](std::string_view known) { return SameIgnoringCase(word, known); }))
      return true;
  }
  return false;
}

}  // namespace auspex::change
