#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>

#include "auspex/base/input.h"
#include "auspex/base/random.h"
#include "auspex/model/register_learners.h"
#include "auspex/training/dataset.h"

namespace auspex::training {

inline model::LearnerRegistry AllLearners() {
  model::LearnerRegistry learners;
  EXPECT_TRUE(model::RegisterLearners(learners).ok());
  return learners;
}

inline ColumnRoles SomeRoles() {
  ColumnRoles roles;
  roles.label = "failed";
  roles.time = "at";
  roles.group = "service";
  return roles;
}

inline Result<Dataset> Parsed(const std::string& csv, const ColumnRoles& roles = SomeRoles()) {
  return ReadDataset(TextInput(csv), "t.csv", roles);
}

// Deployments of two services, half an hour apart; failures come in spells that end with chance
// 1/30, and large changes fail more often.
inline std::string SomeCsv(std::size_t rows, std::uint64_t seed) {
  Random random(seed);
  std::string csv = "service,at,lines,config,failed\n";
  bool bad[2] = {false, false};
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t service = random.Below(2);
    if (random.Chance(1.0 / 30)) bad[service] = !bad[service];
    const double lines = std::floor(std::exp(6 * random.Uniform()));
    const int config = random.Chance(0.2) ? 1 : 0;
    const double odds = -3.0 + 0.4 * std::log(lines) + 0.5 * config + (bad[service] ? 3.0 : 0.0);
    csv += fmt::format("{},{},{},{},{}\n", service == 0 ? "shop" : "pay", 1700000000 + 1800 * row,
                       lines, config, random.Chance(1 / (1 + std::exp(-odds))) ? 1 : 0);
  }
  return csv;
}

}  // namespace auspex::training
