#include "hgnn_moe/hgt/seed_statistics.h"

#include <cmath>

namespace hgnn_moe::hgt {

namespace {

// The continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method, which
// replaces what would divide by 0.
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  constexpr double kEnough = 1e-15;
  constexpr int kMostTerms = 500;
  const auto not_zero = [](double value) { return std::fabs(value) > kTiny ? value : kTiny; };
  double c = 1.0;
  double d = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
  double value = d;
  for (int m = 1; m < kMostTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (const double term : {even, odd}) {
      d = 1.0 / not_zero(1.0 + term * d);
      c = not_zero(1.0 + term / c);
      value *= c * d;
    }
    if (std::fabs(c * d - 1.0) < kEnough) break;
  }
  return value;
}

// The regularised incomplete beta function I_x(a, b); 0 < x < 1.
double regularised_beta(double x, double a, double b) {
  // The fraction converges fast on this side of the mean; the other follows by symmetry.
  if (x > (a + 1.0) / (a + b + 2.0)) return 1.0 - regularised_beta(1.0 - x, b, a);
  const double log_front =
      std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  return std::exp(log_front) * beta_fraction(x, a, b) / a;
}

// P(T > t) for t > 0: I_x(n / 2, 1 / 2) / 2 with n degrees and x = n / (n + t^2).
double upper_tail(double t, double degrees) {
  return 0.5 * regularised_beta(degrees / (degrees + t * t), 0.5 * degrees, 0.5);
}

}  // namespace

double t_quantile(double probability, double degrees) {
  if (probability == 0.5) return 0.0;
  if (probability < 0.5) return -t_quantile(1.0 - probability, degrees);
  const double tail = 1.0 - probability;
  double low = 0.0, high = 1.0;
  while (upper_tail(high, degrees) > tail) high *= 2.0;
  for (double middle = 0.5 * high; low < middle && middle < high; middle = 0.5 * (low + high)) {
    (upper_tail(middle, degrees) > tail ? low : high) = middle;
  }
  return high;
}

SeedSummary summarise(const std::vector<double>& values) {
  SeedSummary summary;
  summary.n = values.size();
  if (values.empty()) return summary;
  const auto n = static_cast<double>(values.size());
  double sum = 0.0, squares = 0.0;
  for (const double value : values) sum += value;
  const double mean = sum / n;
  summary.mean = mean;
  if (values.size() == 1) return summary;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / (n - 1.0));
  const double half = t_quantile(0.5 * (1.0 + kConfidence), n - 1.0) * deviation / std::sqrt(n);
  summary.deviation = deviation;
  summary.interval = Interval{mean - half, mean + half};
  return summary;
}

SeedSummary summarise(const SeedValues& values) {
  std::vector<double> list;
  for (const auto& [seed, value] : values) list.push_back(value);
  return summarise(list);
}

SeedSummary paired_difference(const SeedValues& first, const SeedValues& second) {
  std::vector<double> differences;
  for (const auto& [seed, value] : first) {
    const auto found = second.find(seed);
    if (found != second.end()) differences.push_back(found->second - value);
  }
  return summarise(differences);
}

SeedSummary paired_ratio(const SeedValues& first, const SeedValues& second) {
  const auto logarithms = [](const SeedValues& values) {
    SeedValues logs;
    for (const auto& [seed, value] : values) logs[seed] = std::log(value);
    return logs;
  };
  SeedSummary ratio = paired_difference(logarithms(first), logarithms(second));
  ratio.deviation.reset();
  if (ratio.mean) ratio.mean = std::exp(*ratio.mean);
  if (ratio.interval) {
    ratio.interval = Interval{std::exp(ratio.interval->low), std::exp(ratio.interval->high)};
  }
  return ratio;
}

}  // namespace hgnn_moe::hgt
