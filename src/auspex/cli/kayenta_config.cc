#include "auspex/cli/kayenta_config.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "auspex/base/config.h"

namespace auspex::cli {
namespace {

using evidence::KayentaMetric;

std::optional<double> OptionalNumber(ConfigSection* section, std::string_view key) {
  if (!section->Has(key)) return std::nullopt;
  return section->Number(key, 0.0, -1e300, 1e300);
}

// Kayenta takes what it does not know for the default; so do we, and say so.
std::string KnownOr(ConfigSection* section, const std::string& metric, std::string_view key,
                    const std::string& fallback, std::initializer_list<std::string_view> known,
                    std::vector<std::string>* notes) {
  std::string value = section->Text(key, fallback);
  for (const std::string_view one : known)
    if (value == one) return value;
  if (value != fallback)
    notes->push_back(fmt::format("{}: {} '{}' is unknown; taken for the default, {}", metric, key,
                                 value, fallback));
  return fallback;
}

KayentaMetric ReadMetric(ConfigSection section, std::vector<std::string>* notes) {
  KayentaMetric metric;
  metric.name = section.Text("name");
  if (section.Has("groups")) metric.groups = section.Texts("groups");
  ConfigSection analysis = section.Section("analysisConfigurations");
  ConfigSection canary = analysis.Section("canary");
  const std::string direction = KnownOr(&canary, metric.name, "direction", "either",
                                        {"increase", "decrease", "either"}, notes);
  using Direction = KayentaMetric::Direction;
  metric.direction = direction == "increase"   ? Direction::kIncrease
                     : direction == "decrease" ? Direction::kDecrease
                                               : Direction::kEither;
  metric.replace_nan = KnownOr(&canary, metric.name, "nanStrategy", "remove", {"remove", "replace"},
                               notes) == "replace";
  metric.critical = canary.Flag("critical", false);
  metric.must_have_data = canary.Flag("mustHaveData", false);
  metric.muted = canary.Flag("muted", false);
  ConfigSection outliers = canary.Section("outliers");
  metric.remove_outliers =
      KnownOr(&outliers, metric.name, "strategy", "keep", {"remove", "keep"}, notes) == "remove";
  metric.outlier_factor = outliers.Number("outlierFactor", 3.0, 1e-9, 1e9);
  outliers.Finish();
  ConfigSection effect = canary.Section("effectSize");
  metric.cles =
      KnownOr(&effect, metric.name, "measure", "meanRatio", {"meanRatio", "cles"}, notes) == "cles";
  metric.allowed_increase = OptionalNumber(&effect, "allowedIncrease");
  metric.allowed_decrease = OptionalNumber(&effect, "allowedDecrease");
  metric.critical_increase = OptionalNumber(&effect, "criticalIncrease");
  metric.critical_decrease = OptionalNumber(&effect, "criticalDecrease");
  effect.Finish();
  canary.Finish();
  return metric;
}

void ReadClassifier(ConfigSection classifier, evidence::KayentaConfig* config) {
  ConfigSection weights = classifier.Section("groupWeights");
  for (const auto& [group, text] : weights.TextMap()) {
    double weight = 0.0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), weight);
    if (failed != std::errc() || end != text.data() + text.size() || !(weight >= 0.0) ||
        weight > 100.0) {
      weights.Refuse(group, fmt::format("{}: '{}' is not a weight from 0 to 100", group, text));
    } else {
      config->group_weights[group] = weight;
    }
  }
  ConfigSection thresholds = classifier.Section("scoreThresholds");
  config->pass = thresholds.Number("pass", config->pass, 0.0, 100.0);
  config->marginal = thresholds.Number("marginal", config->marginal, 0.0, 100.0);
  if (config->marginal > config->pass)
    thresholds.Refuse("marginal", "marginal: at most the threshold to pass");
  thresholds.Finish();
}

Result<KayentaFile> FromDocuments(std::vector<ConfigSection> documents, ConfigErrors* errors) {
  KayentaFile file;
  for (ConfigSection& document : documents) {
    for (ConfigSection& section : document.Sections("metrics")) {
      KayentaMetric metric = ReadMetric(section, &file.notes);
      for (const KayentaMetric& other : file.metrics)
        if (other.name == metric.name)
          section.Refuse("name", fmt::format("name: '{}' stands twice", metric.name));
      file.metrics.push_back(std::move(metric));
    }
    ReadClassifier(document.Section("classifier"), &file.config);
    if (file.metrics.empty() && errors->empty())
      document.Refuse("metrics", "metrics: at least one is wanted, as [{name: errors}]");
  }
  if (!errors->empty()) return Fail(ErrorCode::kInvalidArgument, "{}", errors->ToText());
  return file;
}

}  // namespace

Result<KayentaFile> ReadKayentaConfig(const std::string& path) {
  ConfigErrors errors;
  AUSPEX_TRY(auto documents, ParseConfigFile(path, &errors));
  return FromDocuments(std::move(documents), &errors);
}

Result<KayentaFile> ParseKayentaConfig(std::string_view text, const std::string& file) {
  ConfigErrors errors;
  AUSPEX_TRY(auto documents, ParseConfigText(text, file, &errors));
  return FromDocuments(std::move(documents), &errors);
}

}  // namespace auspex::cli
