#pragma once

// evidence says what the windows of a rollout prove about the canary, and decides nothing.
//
//   CanaryEvidence evidence({.history = history, .tick_s = 10, .prior_odds = 0.15 / 0.85});
//   evidence.Step(counts, {.hazard = .03, .warm_up = false, .high_load = false});
//   if (evidence.log_e() >= -std::log(alpha)) ...   // proven, at any look, whatever the metrics'
//   dependence
//
// Every metric is a rate ratio between canary and baseline in the same tick, tested by an
// e-process: a product of one-tick e-values whose expectation is at most 1 while the canary is no
// worse than tolerated. The method and its constants are in docs/statistics.md; section numbers in
// these files are that page's.
//
// Read next: rate_evidence.h (one metric), gauge_evidence.h (leaks and levels), canary_evidence.h
// (all of them together); noise.h and instance_spread.h (how far equal arms differ), effect.h and
// traffic_needed.h (what a person wants to know).

#include "auspex/evidence/canary_evidence.h"  // IWYU pragma: export
