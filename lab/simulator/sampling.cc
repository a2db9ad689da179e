#include "lab/simulator/sampling.h"

#include <algorithm>
#include <cmath>

namespace auspex::lab::simulator {

double DrawGamma(double shape, Random* random) {
  if (shape < 1.0)
    return DrawGamma(shape + 1.0, random) * std::pow(1.0 - random->Uniform(), 1.0 / shape);
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = random->Normal();
    const double root = 1.0 + c * x;
    if (root <= 0.0) continue;
    const double v = root * root * root;
    if (std::log1p(-random->Uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

double DrawBeta(double a, double b, Random* random) {
  const double x = DrawGamma(a, random);
  const double y = DrawGamma(b, random);
  return std::clamp(x / (x + y), 1e-12, 1.0 - 1e-12);
}

}  // namespace auspex::lab::simulator
