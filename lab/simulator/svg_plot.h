#pragma once

#include <string>

#include "lab/simulator/summary.h"

namespace auspex::lab::simulator {

// Mean harm of the bad deployments against the median time to full traffic of the good ones, a
// numbered point for each policy with its 95 % intervals, both axes logarithmic: an SVG document
// that needs nothing from outside. Policies without both figures are listed as such.
[[nodiscard]] std::string HarmPlot(const Summary& summary);

}  // namespace auspex::lab::simulator
