#pragma once

#include <vector>

#include "auspex/base/weight.h"

// How HAProxy's two absolute weights express a share. Pure.
namespace auspex::traffic {

// Absolute weights of the two servers of a route, 0 to 256 each (HAProxy's SRV_UWGHT_MAX). The
// canary gets canary / (canary + baseline) of the requests; 0/0 gives nobody any.
struct WeightPair {
  static constexpr int kMost = 256;
  int canary = 0;
  int baseline = kMost;
  friend bool operator==(const WeightPair&, const WeightPair&) = default;
};

// The pair, one of its weights 256, whose share is nearest to `weight`. Only a weight of exactly 0
// or the whole leaves a server without requests; else a server gets 1/257 (39 bp) or more. 513
// pairs exist, 10 bp apart around one half and 39 bp at the ends.
[[nodiscard]] WeightPair NearestPair(Weight weight);

// The canary's share, to the nearest basis point. 0/0 is 0.
[[nodiscard]] Weight ShareOf(const WeightPair& pair);

struct WeightChange {
  bool canary = false;  // or the baseline
  int weight = 0;
  friend bool operator==(const WeightChange&, const WeightChange&) = default;
};

// The single changes from one pair to another, of which one weight is 256, in an order that is
// right even if only the first of them happens: what rises goes first, so that the backend never
// passes through 0/0, and the canary never gets more than the larger of both shares.
[[nodiscard]] std::vector<WeightChange> PlanChanges(const WeightPair& from, const WeightPair& to);

}  // namespace auspex::traffic
