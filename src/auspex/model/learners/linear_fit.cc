#include "auspex/model/learners/linear_fit.h"

#include <cmath>

#include "auspex/model/metrics.h"

namespace auspex::model {
namespace {

constexpr int kMostSteps = 50;
constexpr int kMostHalvings = 30;
constexpr double kSmallGain = 1e-9;  // of the loss, relative

struct Problem {
  std::span<const double> inputs;
  std::size_t width;
  std::span<const double> failed;
  std::span<const double> weights;
  double penalty;

  [[nodiscard]] double Margin(std::size_t row, const std::vector<double>& b) const {
    double margin = b[0];
    const double* x = inputs.data() + row * width;
    for (std::size_t j = 0; j < width; ++j) margin += b[j + 1] * x[j];
    return margin;
  }
  [[nodiscard]] double Loss(const std::vector<double>& b) const {
    double loss = 0;
    for (std::size_t row = 0; row < failed.size(); ++row) {
      const double margin = Margin(row, b);
      // log(1 + e^-m) without overflow, of the margin towards what happened.
      const double towards = failed[row] > 0.5 ? margin : -margin;
      loss += weights[row] * (std::log1p(std::exp(-std::abs(towards))) + std::fmax(-towards, 0.0));
    }
    for (std::size_t j = 1; j < b.size(); ++j) loss += penalty / 2 * b[j] * b[j];
    return loss;
  }
};

// Gradient (ascent of the likelihood) and the lower half of the information matrix.
void Derivatives(const Problem& problem, const std::vector<double>& b,
                 std::vector<double>* gradient, std::vector<double>* information) {
  const std::size_t n = b.size();
  gradient->assign(n, 0.0);
  information->assign(n * n, 0.0);
  std::vector<double> x(n, 1.0);
  for (std::size_t row = 0; row < problem.failed.size(); ++row) {
    const double* values = problem.inputs.data() + row * problem.width;
    for (std::size_t j = 1; j < n; ++j) x[j] = values[j - 1];
    const double p = Sigmoid(problem.Margin(row, b));
    const double error = problem.weights[row] * (problem.failed[row] - p);
    const double weight = problem.weights[row] * p * (1 - p);
    for (std::size_t j = 0; j < n; ++j) {
      (*gradient)[j] += error * x[j];
      const double share = weight * x[j];
      double* line = information->data() + j * n;
      for (std::size_t k = 0; k <= j; ++k) line[k] += share * x[k];
    }
  }
  for (std::size_t j = 1; j < n; ++j) {
    (*gradient)[j] -= problem.penalty * b[j];
    (*information)[j * n + j] += problem.penalty;
  }
  // Keeps the bias's own entry off 0 where every chance has come to 0 or 1.
  (*information)[0] += 1e-9;
}

// Solves matrix * x = right, in place, by Cholesky; the matrix is positive definite.
void Solve(std::vector<double>* matrix, std::vector<double>* right) {
  const std::size_t n = right->size();
  std::vector<double>& m = *matrix;
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k) {
      for (std::size_t i = j; i < n; ++i) m[i * n + j] -= m[i * n + k] * m[j * n + k];
    }
    const double pivot = std::sqrt(std::fmax(m[j * n + j], 1e-300));
    for (std::size_t i = j; i < n; ++i) m[i * n + j] /= pivot;
  }
  std::vector<double>& x = *right;
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k) x[j] -= m[j * n + k] * x[k];
    x[j] /= m[j * n + j];
  }
  for (std::size_t j = n; j-- > 0;) {
    for (std::size_t k = j + 1; k < n; ++k) x[j] -= m[k * n + j] * x[k];
    x[j] /= m[j * n + j];
  }
}

}  // namespace

LinearFit FitLogistic(std::span<const double> inputs, std::size_t width,
                      std::span<const double> failed, std::span<const double> weights,
                      double penalty) {
  const Problem problem{inputs, width, failed, weights, penalty};
  LinearFit fit{std::vector<double>(width + 1, 0.0), false};
  double loss = problem.Loss(fit.coefficients);
  std::vector<double> step, information;
  for (int i = 0; i < kMostSteps && !fit.converged; ++i) {
    Derivatives(problem, fit.coefficients, &step, &information);
    Solve(&information, &step);
    double share = 1.0;
    bool better = false;
    for (int halving = 0; halving < kMostHalvings && !better; ++halving, share /= 2) {
      std::vector<double> next = fit.coefficients;
      for (std::size_t j = 0; j < next.size(); ++j) next[j] += share * step[j];
      const double next_loss = problem.Loss(next);
      if (!(next_loss <= loss)) continue;
      better = true;
      fit.converged = loss - next_loss <= kSmallGain * loss;
      fit.coefficients = next;
      loss = next_loss;
    }
    if (!better) fit.converged = true;  // at the least loss that doubles can tell
  }
  return fit;
}

}  // namespace auspex::model
