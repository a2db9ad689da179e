#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "auspex/change/change.h"
#include "auspex/change/features.h"

namespace auspex::change {

// What became of a commit, as far as the history tells.
struct Label {
  bool bug = false;  // a later fix is blamed on it
  // When that could first be told, or, of a commit that is not blamed, up to when it was looked at.
  std::int64_t known_at_s = 0;
};
using Labels = std::map<CommitId, Label>;

// Mined commits as users get them (interfaces: `auspex mine`): `commit`, `author_date` in seconds
// since 1970, the columns of kChangeFeatures, `label_bug` and `label_known_at`. What is not known
// is an empty cell, or null. Lines end in LF.
[[nodiscard]] std::string CsvHeader();
// `label`: null where none is known.
[[nodiscard]] std::string CsvRow(const Commit& commit, const FeatureRow& row, const Label* label);
// The same as one JSON object.
[[nodiscard]] std::string JsonRow(const Commit& commit, const FeatureRow& row, const Label* label);

}  // namespace auspex::change
