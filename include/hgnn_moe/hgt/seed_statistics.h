// What a few seeds tell: means, and differences paired by seed, with Student's t intervals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace hgnn_moe::hgt {

// Values by seed.
using SeedValues = std::map<std::int64_t, double>;

inline constexpr double kConfidence = 0.95;

struct Interval {
  double low = 0.0;
  double high = 0.0;

  bool holds(double value) const { return low <= value && value <= high; }
};

// Of the values of n seeds, or of n differences. One has neither deviation nor interval.
struct SeedSummary {
  std::size_t n = 0;
  std::optional<double> mean;
  std::optional<double> deviation;   // of the sample, with n - 1 degrees of freedom
  std::optional<Interval> interval;  // of the mean: Student's t with n - 1 degrees, kConfidence

  // Whether there is an interval and it leaves `value` out: only then is a difference (0) or a
  // ratio (1) more than what seeds make.
  bool excludes(double value) const { return interval && !interval->holds(value); }
};

SeedSummary summarise(const std::vector<double>& values);
SeedSummary summarise(const SeedValues& values);

// second - first, seed by seed, of the seeds that both have: what seeds share drops out.
SeedSummary paired_difference(const SeedValues& first, const SeedValues& second);

// second / first in the same way, by the differences of logarithms, so that the mean is a geometric
// one; it has no deviation. Values are above 0.
SeedSummary paired_ratio(const SeedValues& first, const SeedValues& second);

// The value that Student's t with `degrees` stays below with `probability`, both above 0 and
// probability below 1; to a relative 1e-10.
double t_quantile(double probability, double degrees);

}  // namespace hgnn_moe::hgt
