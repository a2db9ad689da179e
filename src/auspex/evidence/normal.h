#pragma once

namespace auspex::evidence {

// x with P(Z <= x) = p for a standard normal Z; p in (0, 1). Relative error about 1e-16 (algorithm
// AS 241, Wichura, Applied Statistics 37, 1988).
[[nodiscard]] double NormalQuantile(double p);
// P(Z > x).
[[nodiscard]] double NormalUpperTail(double x);

}  // namespace auspex::evidence
