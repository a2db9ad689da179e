#include "auspex/evidence/lanes.h"

#include <bit>
#include <cmath>
#include <cstdint>

// Built with -O3 and without errno (CMakeLists.txt): each loop over kLanes becomes vector code. The
// bodies are compiled once for every processor and once for those with 256-bit vectors; both do the
// same operations in the same order on each lane.
namespace auspex::evidence {
namespace {

#define AUSPEX_EACH_LANE for (std::size_t i = 0; i < kLanes; ++i)
#define AUSPEX_INLINE [[gnu::always_inline]] inline

// fdlibm's logarithm (e_log.c, Sun Microsystems 1993): x = 2^k m with m in [sqrt(1/2), sqrt(2)),
// ln m = f - f²/2 + s (f²/2 + R(s²)) of f = m - 1, s = f/(2 + f).
constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;
constexpr double kLg1 = 6.666666666666735130e-01, kLg2 = 3.999999999940941908e-01,
                 kLg3 = 2.857142874366239149e-01, kLg4 = 2.222219843214978396e-01,
                 kLg5 = 1.818357216161805012e-01, kLg6 = 1.531383769920937332e-01,
                 kLg7 = 1.479819860511658591e-01;
constexpr std::uint64_t kRootHalf = 0x3fe6a09e667f3bcd;
constexpr std::uint64_t kExponentBias = 0x400;  // makes k positive before it is shifted

AUSPEX_INLINE double LogOf(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t biased = bits - kRootHalf + (kExponentBias << 52U);
  const std::uint64_t exponent = biased >> 52U;
  const double m = std::bit_cast<double>(bits - ((exponent - kExponentBias) << 52U));
  // 2^52 + exponent, as bits: a conversion that every vector unit has.
  const double k = std::bit_cast<double>(exponent | 0x4330000000000000U) -
                   (4503599627370496.0 + static_cast<double>(kExponentBias));
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double w = z * z;
  const double r =
      w * (kLg2 + w * (kLg4 + w * kLg6)) + z * (kLg1 + w * (kLg3 + w * (kLg5 + w * kLg7)));
  const double half = .5 * f * f;
  return k * kLn2High - ((half - (s * (half + r) + k * kLn2Low)) - f);
}

// e^x = 2^k e^r, |r| <= ln 2 / 2, by the series to r^13: its rest is below 2^-57.
AUSPEX_INLINE double ExpOf(double x) {
  constexpr double kRound = 6755399441055744.0;  // 1.5 2^52: rounds to a whole number
  constexpr double kLeast = -700.0;
  const double bounded = x < kLeast ? kLeast : x;
  const double rounded = bounded * 1.44269504088896338700 + kRound;
  const double k = rounded - kRound;
  const double r = (bounded - k * kLn2High) - k * kLn2Low;
  double tail = 1.0 / 6227020800.0;
  tail = tail * r + 1.0 / 479001600.0;
  tail = tail * r + 1.0 / 39916800.0;
  tail = tail * r + 1.0 / 3628800.0;
  tail = tail * r + 1.0 / 362880.0;
  tail = tail * r + 1.0 / 40320.0;
  tail = tail * r + 1.0 / 5040.0;
  tail = tail * r + 1.0 / 720.0;
  tail = tail * r + 1.0 / 120.0;
  tail = tail * r + 1.0 / 24.0;
  tail = tail * r + 1.0 / 6.0;
  tail = tail * r + .5;
  const double value = 1.0 + (r + r * r * tail);
  const auto scale =
      std::bit_cast<double>((std::bit_cast<std::uint64_t>(rounded) << 52U) + 0x3ff0000000000000U);
  return x < kLeast ? 0.0 : value * scale;
}

AUSPEX_INLINE void AlternativesBody(const Lanes& odds, double p, Lanes* rates) {
  AUSPEX_EACH_LANE {
    const double o = odds[i] * p / (1.0 - p);
    (*rates)[i] = o / (1.0 + o);
  }
}

// sum += times ln(above/below), where there is something to add.
AUSPEX_INLINE void AddLog(double times, const Lanes& above, const Lanes& below, Lanes* sum) {
  if (times == 0.0) return;
  AUSPEX_EACH_LANE(*sum)[i] += times * LogOf(above[i] / below[i]);
}

AUSPEX_INLINE Lanes LogRatiosBody(const Lanes& odds, const TickTerms& t) {
  Lanes pa, q, qa, not_pa, not_q, not_qa, p, not_p;
  AlternativesBody(odds, t.p, &pa);
  const double a = (t.canary_exposure + t.baseline_exposure) * t.tolerated;
  const double fixed = t.baseline_exposure * (t.tolerated * t.p + 1.0);
  Lanes root;
  AUSPEX_EACH_LANE {
    const double b = t.canary_exposure * (pa[i] + t.tolerated) + fixed;
    const double joint = t.canary_exposure * pa[i] + t.baseline_exposure * t.p;
    const double inner = b * b - 4.0 * a * joint;
    root[i] = std::sqrt(inner > 0.0 ? inner : 0.0);
    q[i] = 2.0 * joint / (b + root[i]);
  }
  if (t.refine) {
    AUSPEX_EACH_LANE {
      const double rest = t.canary_exposure * (pa[i] - t.tolerated * q[i]) * (1.0 - q[i]) +
                          t.baseline_exposure * (t.p - q[i]) * (1.0 - t.tolerated * q[i]);
      q[i] += root[i] > 0.0 ? rest / root[i] : 0.0;
    }
  }
  AUSPEX_EACH_LANE {
    qa[i] = t.tolerated * q[i];
    not_pa[i] = 1.0 - pa[i];
    not_q[i] = 1.0 - q[i];
    not_qa[i] = 1.0 - qa[i];
    p[i] = t.p;
    not_p[i] = 1.0 - t.p;
  }
  Lanes out;
  AddLog(t.canary_events, pa, qa, &out);
  AddLog(t.canary_others, not_pa, not_qa, &out);
  AddLog(t.baseline_events, p, q, &out);
  AddLog(t.baseline_others, not_p, not_q, &out);
  const double null = t.tolerated * t.p * 1.0001;
  AUSPEX_EACH_LANE {
    // One choice after the other: of a condition made of three g++ 12 makes no vector code.
    double l = out[i] / t.phi;
    l = pa[i] <= null ? 0.0 : l;
    l = q[i] <= 0.0 ? 0.0 : l;
    out[i] = qa[i] >= 1.0 ? 0.0 : l;
  }
  return out;
}

AUSPEX_INLINE void ExpBody(Lanes* x) { AUSPEX_EACH_LANE(*x)[i] = ExpOf((*x)[i]); }
AUSPEX_INLINE void LogBody(Lanes* x) { AUSPEX_EACH_LANE(*x)[i] = LogOf((*x)[i]); }

AUSPEX_INLINE double ExpBelowMostBody(Lanes* x) {
  // Four maxima side by side and then theirs: which is found first makes no difference.
  constexpr std::size_t kSide = 4;
  std::array<double, kSide> mosts{};
  for (std::size_t i = 0; i < kLanes; i += kSide) {
    for (std::size_t k = 0; k < kSide; ++k)
      mosts[k] = (*x)[i + k] > mosts[k] ? (*x)[i + k] : mosts[k];
  }
  double most = 0.0;
  for (const double m : mosts) most = m > most ? m : most;
  AUSPEX_EACH_LANE(*x)[i] = ExpOf((*x)[i] - most);
  return most;
}

AUSPEX_INLINE void StepMassesBody(const Lanes& prior, const Lanes& factor, const MassStep& step,
                                  Lanes* mass) {
  Lanes now;
  AUSPEX_EACH_LANE now[i] = ((*mass)[i] + step.begins * prior[i]) * factor[i];
  const double drift = step.drift;
  if (drift <= 0.0) {
    *mass = now;
    return;
  }
  const double stays = 1.0 - drift;
  std::array<double, kLanes + 1> before{};  // each one's neighbour
  AUSPEX_EACH_LANE before[i + 1] = now[i];
  AUSPEX_EACH_LANE(*mass)[i] = now[i] * stays + drift * before[i];
  const std::size_t last = step.size - 1;
  (*mass)[last] = now[last] + drift * before[last];
  (*mass)[last + 1] = 0.0;
}

AUSPEX_INLINE void DivideBody(double by, Lanes* x) { AUSPEX_EACH_LANE(*x)[i] /= by; }

#if defined(__x86_64__)
#define AUSPEX_WIDE [[gnu::target("avx2")]]
AUSPEX_WIDE void WideAlternatives(const Lanes& odds, double p, Lanes* rates) {
  AlternativesBody(odds, p, rates);
}
AUSPEX_WIDE Lanes WideLogRatios(const Lanes& odds, const TickTerms& terms) {
  return LogRatiosBody(odds, terms);
}
AUSPEX_WIDE void WideExp(Lanes* x) { ExpBody(x); }
AUSPEX_WIDE double WideExpBelowMost(Lanes* x) { return ExpBelowMostBody(x); }
AUSPEX_WIDE void WideStepMasses(const Lanes& prior, const Lanes& factor, const MassStep& step,
                                Lanes* mass) {
  StepMassesBody(prior, factor, step, mass);
}
AUSPEX_WIDE void WideDivide(double by, Lanes* x) { DivideBody(by, x); }
bool IsWide() {
  static const bool kWide = __builtin_cpu_supports("avx2") != 0;
  return kWide;
}
#endif

}  // namespace

#if defined(__x86_64__)
void Alternatives(const Lanes& odds, double p, Lanes* rates) {
  IsWide() ? WideAlternatives(odds, p, rates) : AlternativesBody(odds, p, rates);
}
Lanes LogRatios(const Lanes& odds, const TickTerms& terms) {
  return IsWide() ? WideLogRatios(odds, terms) : LogRatiosBody(odds, terms);
}
void Exp(Lanes* x) { IsWide() ? WideExp(x) : ExpBody(x); }
double ExpBelowMost(Lanes* x) { return IsWide() ? WideExpBelowMost(x) : ExpBelowMostBody(x); }
void StepMasses(const Lanes& prior, const Lanes& factor, const MassStep& step, Lanes* mass) {
  IsWide() ? WideStepMasses(prior, factor, step, mass) : StepMassesBody(prior, factor, step, mass);
}
void Divide(double by, Lanes* x) { IsWide() ? WideDivide(by, x) : DivideBody(by, x); }
#else
void Alternatives(const Lanes& odds, double p, Lanes* rates) { AlternativesBody(odds, p, rates); }
Lanes LogRatios(const Lanes& odds, const TickTerms& terms) { return LogRatiosBody(odds, terms); }
void Exp(Lanes* x) { ExpBody(x); }
double ExpBelowMost(Lanes* x) { return ExpBelowMostBody(x); }
void StepMasses(const Lanes& prior, const Lanes& factor, const MassStep& step, Lanes* mass) {
  StepMassesBody(prior, factor, step, mass);
}
void Divide(double by, Lanes* x) { DivideBody(by, x); }
#endif
void Log(Lanes* x) { LogBody(x); }

}  // namespace auspex::evidence
