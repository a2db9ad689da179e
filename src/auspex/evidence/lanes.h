#pragma once

#include <array>
#include <cstddef>

// Private to this module: arithmetic on all alternatives of a grid at once. Logarithm and
// exponential are made of additions, multiplications, divisions and shifts alone, each of them
// exact to the bit by IEEE 754 and none contracted, so that every machine gets the same bits,
// however many lanes it works on at a time. (A C library's differ from version to version.)
namespace auspex::evidence {

inline constexpr std::size_t kLanes = 16;
struct alignas(32) Lanes {
  std::array<double, kLanes> at{};
  double& operator[](std::size_t i) { return at[i]; }
  double operator[](std::size_t i) const { return at[i]; }
};

// What one tick of one metric showed, for LogRatios.
struct TickTerms {
  double canary_events = 0;
  double canary_others = 0;  // requests without an event
  double baseline_events = 0;
  double baseline_others = 0;
  double canary_exposure = 0;  // known up to a common factor
  double baseline_exposure = 0;
  double p = 0;
  double tolerated = 0;
  bool refine = false;  // the projection, by a step of Newton's method: for planned shares
  double phi = 1;       // overdispersion
};

// The canary's rate under each alternative: o/(1+o) of o = odds p/(1-p). p in (0, .9].
void Alternatives(const Lanes& odds, double p, Lanes* rates);
// l_j / phi of section 2 for each alternative; 0 where it is no alternative.
[[nodiscard]] Lanes LogRatios(const Lanes& odds, const TickTerms& terms);
// e^x in place, within 2 units of the last place, x <= 0; 0 below -700.
void Exp(Lanes* x);
// ln x in place, within 1 unit of the last place, x > 0 and normal.
void Log(Lanes* x);
// e^(x - m) in place, with m, which is returned, the largest of 0 and all x.
double ExpBelowMost(Lanes* x);

// What happens to the masses of the first `size` alternatives in one tick (section 3): the faults
// that begin join them by the prior, the tick multiplies each by its factor, and the share `drift`
// of each, the last one's apart, goes to the next.
struct MassStep {
  std::size_t size = 0;  // from 1 to kLanes - 1
  double begins = 0.0;
  double drift = 0.0;
};
void StepMasses(const Lanes& prior, const Lanes& factor, const MassStep& step, Lanes* mass);
void Divide(double by, Lanes* x);

}  // namespace auspex::evidence
