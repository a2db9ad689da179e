#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/evidence/judge/kayenta.h"

namespace auspex::cli {

struct KayentaFile {
  std::vector<evidence::KayentaMetric> metrics;
  evidence::KayentaConfig config;
  std::vector<std::string> notes;  // what Kayenta, and so we, take for its default
};

// Reads a canary configuration as Kayenta keeps it, JSON or YAML: of each of `metrics` its name,
// groups and analysisConfigurations.canary; classifier.groupWeights and
// classifier.scoreThresholds. Other keys are Kayenta's own affair and not looked at. Errors: as
// ParseConfigFile, and all that is wrong, a line each.
[[nodiscard]] Result<KayentaFile> ReadKayentaConfig(const std::string& path);
[[nodiscard]] Result<KayentaFile> ParseKayentaConfig(std::string_view text,
                                                     const std::string& file);

}  // namespace auspex::cli
