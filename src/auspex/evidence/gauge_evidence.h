#pragma once

#include <array>
#include <optional>

namespace auspex::evidence {

// A gauge (CPU, memory, database time) seen as y = ln(canary / baseline), AR(1) noise with
// coefficient `phi` in (-1, 1) and innovation sd `sigma` > 0, both per tick and from A/A history;
// `sigma` is taken 1.1 times as large (section 4).
struct GaugeNoise {
  double phi = 0.0;
  double sigma = 1.0;
};

// Is the level more than 1.1 times the baseline's? Prewhitened mixture over
// {1.2, 1.3, 1.5, 1.8, 2.3, 3}, cumulative.
class LevelEvidence {
 public:
  explicit LevelEvidence(const GaugeNoise& noise);
  // nullopt: the tick had no value; the next pair starts anew.
  void Step(std::optional<double> y);
  [[nodiscard]] double log_e() const { return log_e_; }

 private:
  [[nodiscard]] double LogE() const;

  double phi_;
  double sigma_;
  bool hole_ = false;
  double ticks_ = 0.0;
  double previous_ = 0.0;
  double score_ = 0.0;        // Z
  double information_ = 0.0;  // X
  double log_e_ = 0.0;        // asked for several times a tick, and not each tick has a value
};

// Does it grow by more than .1 % a minute relative to the baseline? y = mu + a e^(-t/300 s) + b t +
// noise, mu and a projected out; slopes {.3, .5, .8, 1.3, 2, 3} % a minute, equal weights.
class SlopeEvidence {
 public:
  struct Shape {
    double tolerated_per_tick = 0.0;  // b0
    double settling_ticks = 30.0;     // 300 s
    std::array<double, 6> slopes_per_tick{};
  };
  // `tick_s` at time scale 1.
  [[nodiscard]] static Shape ShapeFor(double tick_s);
  // Takes sigma as it is: the caller widens.
  SlopeEvidence(double phi, double sigma, const Shape& shape);
  void Step(std::optional<double> y);
  [[nodiscard]] double log_e() const { return log_e_; }

 private:
  void Add(double y);
  [[nodiscard]] double LogE() const;

  double phi_;
  double sigma_;
  Shape shape_;
  bool hole_ = false;
  double ticks_ = 0.0;
  double previous_ = 0.0;
  // Sums of products of the whitened regressors (1, settling, t) with each other and with y.
  double x00_ = 0, x01_ = 0, x11_ = 0, z0_ = 0, z1_ = 0, b0_ = 0, b1_ = 0, bb_ = 0, bz_ = 0;
  double log_e_ = 0.0;
};

}  // namespace auspex::evidence
