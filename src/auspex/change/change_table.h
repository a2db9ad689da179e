#pragma once

#include <string>

#include "auspex/change/change.h"
#include "auspex/change/features.h"
#include "auspex/change/labels.h"

namespace auspex::change {

// Mined commits as users get them (interfaces: `auspex mine`): `commit`, `author_date` in seconds
// since 1970, the columns of kChangeFeatures, `label_bug` and `label_known_at`. What is not known
// is an empty cell, or null. Lines end in LF.
[[nodiscard]] std::string CsvHeader();
// `label`: null where none is known.
[[nodiscard]] std::string CsvRow(const Commit& commit, const FeatureRow& row, const Label* label);
// The same as one JSON object.
[[nodiscard]] std::string JsonRow(const Commit& commit, const FeatureRow& row, const Label* label);

}  // namespace auspex::change
