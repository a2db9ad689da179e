#include "auspex/change/content.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "auspex/change/complexity.h"
#include "auspex/change/file_kind.h"
#include "auspex/change/line_counts.h"

namespace auspex::change {

bool WorthReading(const FileChange& change) {
  if (change.binary || change.submodule()) return false;
  const FileKind kind = KindOf(change.path);
  return kind != FileKind::kGenerated && kind != FileKind::kDependency && kind != FileKind::kDocs;
}

void ContentDelta::Add(const FileChange& change, std::string_view before, std::string_view after) {
  if (IsBinary(before) || IsBinary(after)) return;
  nesting_ += NestingOf(after) - NestingOf(before);
  const Language language = LanguageOf(change.path);
  const auto tokens_before = TokensOf(before, language);
  const auto tokens_after = TokensOf(after, language);
  decisions_ += DecisionsIn(tokens_after, language) - DecisionsIn(tokens_before, language);
  const auto declared_before = PublicDeclarations(tokens_before, language);
  const auto declared_after = PublicDeclarations(tokens_after, language);
  std::vector<std::uint64_t> differ;
  std::set_symmetric_difference(declared_before.begin(), declared_before.end(),
                                declared_after.begin(), declared_after.end(),
                                std::back_inserter(differ));
  declarations_ += static_cast<std::int64_t>(differ.size());
}

void ContentDelta::Fill(FeatureRow* row) const {
  At(*row, Feature::kComplexityDelta) = static_cast<double>(nesting_);
  At(*row, Feature::kCyclomaticDelta) = static_cast<double>(decisions_);
  At(*row, Feature::kInterfaceDelta) = static_cast<double>(declarations_);
}

}  // namespace auspex::change
