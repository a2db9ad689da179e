#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auspex/evidence/judge/judgement.h"

namespace auspex::cli {

// One JSON object, without a line end. `notes`: what was mended or left out of the input.
[[nodiscard]] std::string JudgementToJson(const evidence::Judgement& judgement,
                                          std::string_view method,
                                          const std::vector<std::string>& notes);
// Lines for people.
[[nodiscard]] std::string JudgementToText(const evidence::Judgement& judgement,
                                          const std::vector<std::string>& notes);

}  // namespace auspex::cli
