#pragma once

#include "lab/simulator/deployment.h"

namespace auspex::lab::simulator {

// A stationary AR(1), `memory` from one cell to the next.
struct NoiseShape {
  double sd = 0.0;
  double memory = 0.0;
};

// What a day of the service's own traffic shows, two halves of its instances side by side: `arms`
// is the noise of their log-ratio of error rates, `gauge` of their memory. As docs/statistics.md,
// sections 1 and 4, have it measured, with the chance that a measurement has.
[[nodiscard]] KnownHistory DrawHistory(const Service& service, const NoiseShape& arms,
                                       const NoiseShape& gauge, Random* random);

}  // namespace auspex::lab::simulator
