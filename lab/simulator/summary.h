#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/simulator/study.h"

namespace auspex::lab::simulator {

// A figure with its 95 % bootstrap interval (percentile method); nullopt elsewhere: nothing to
// count.
struct Estimate {
  double value = 0.0;
  double low = 0.0;
  double high = 0.0;
};

// Shares in 0..1, times in seconds, harm in requests. Of the bad deployments: `caught` (rolled back
// for whatever reason), `harmed_*`, `detect_s` (median from the fault's first request to the roll
// back, of those that were caught after it). Of the good ones: `false_*` (rolled back), `full_*`
// (until the canary has 95 % or more, of those that come so far).
struct Figures {
  std::optional<Estimate> caught, caught_by_evidence, harmed_mean, harmed_median, harmed_p95;
  std::optional<Estimate> false_share, false_by_evidence, full_s_median, full_s_p90, detect_s;
  // Mean harm over the reference policy's on the same deployments.
  std::optional<Estimate> harm_ratio;
  // good ones that reached full traffic, of the good
  std::optional<Estimate> full_share;
};

struct ByFault {
  std::size_t deployments = 0;
  double caught = 0.0;
  double harmed_mean = 0.0;
  double harmed_median = 0.0;
};

struct PolicySummary {
  std::string name;
  std::string title;
  Figures figures;
  std::array<ByFault, kFaultKinds> by_fault{};
};

struct Summary {
  std::uint64_t first = 0;
  std::size_t deployments = 0;
  std::size_t bad = 0;
  std::string reference;  // of harm_ratio; empty: none
  std::vector<PolicySummary> policies;
};

struct SummaryOptions {
  std::string reference;         // a policy's name; ignored where it is not in the study
  std::size_t resamples = 1000;  // of the bootstrap
  std::uint64_t seed = 1;        // of its resamples
};
// Resamples good and bad deployments apart, the same ones for all policies, so that ratios are in
// pairs.
[[nodiscard]] Summary Summarize(const Study& study, const SummaryOptions& options);

// Aligned tables for people, lines below 170 characters.
[[nodiscard]] std::string ToText(const Summary& summary);
// One JSON document.
[[nodiscard]] std::string ToJson(const Summary& summary);

}  // namespace auspex::lab::simulator
