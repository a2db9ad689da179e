#include "auspex/risk/known_facts.h"

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "auspex/builds/features.h"

namespace auspex::risk {
namespace {

void Add(std::span<const FeatureSpec> specs, const std::vector<double>& row, Known* known) {
  for (std::size_t i = 0; i < row.size(); ++i)
    if (std::isfinite(row[i])) known->insert_or_assign(std::string(specs[i].name), row[i]);
}

}  // namespace

Result<Known> KnownFacts(const builds::FactLog& log, std::string_view service,
                         const ChangeFacts& change, WallTime at) {
  AUSPEX_TRY(const std::vector<builds::Fact> facts, log.Around(service, at));
  const builds::About about{.service = std::string(service),
                            .commit = change.head,
                            .authors = change.authors,
                            .deployment = {}};
  Known known;
  Add(builds::kBuildFeatures, BuildFeaturesAt(facts, about, at), &known);
  Add(builds::kHistoryFeatures, HistoryFeaturesAt(facts, about, at), &known);
  return known;
}

}  // namespace auspex::risk
