// Normalisation of single rows: xhat = (x - mean) / sqrt(variance + kNormEpsilon).
#pragma once

#include "lanes.h"

#include "hgnn_moe/ops/norm_epsilon.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }

template <typename Compute>
struct RowStatistics {
  Compute mean, reciprocal;  // 1 / sqrt(variance + kNormEpsilon)

  Vector<Compute> normalise(Vector<Compute> x) const { return (x - mean) * reciprocal; }
};

// The variance is that of the distances from the mean, in a second pass: a row far from zero loses
// nothing.
template <typename Compute>
RowStatistics<Compute> row_statistics(const Compute* x, Vector<Compute> sum, std::int64_t dim) {
  const Compute mean = sum_of_lanes<Compute>(sum) / static_cast<Compute>(dim);
  Vector<Compute> squares = {};
  for_each_vector<Compute>(dim, [&](std::int64_t d, auto lanes) {
    const Vector<Compute> distance = lanes.only(lanes.load(x + d) - mean);
    squares += distance * distance;
  });
  const Compute variance = sum_of_lanes<Compute>(squares) / static_cast<Compute>(dim);
  return {mean, 1 / square_root(variance + Compute(kNormEpsilon))};
}

// The gradient that reaches x through its normalisation:
//   reciprocal (d_xhat - mean(d_xhat) - xhat mean(d_xhat xhat)).
// d_xhat(first element, lanes) gives the gradient of xhat, zero in lanes behind the row.
// visit(first element, lanes, xhat) sees every vector in a first pass, use(first element, lanes,
// d_x) in a second one.
template <typename Compute, typename Gradient, typename Visit, typename Use>
inline void differentiate_norm(const Compute* x, const RowStatistics<Compute>& statistics,
                               std::int64_t dim, Gradient d_xhat, Visit visit, Use use) {
  Vector<Compute> sum = {}, product = {};
  for_each_vector<Compute>(dim, [&](std::int64_t d, auto lanes) {
    const Vector<Compute> xhat = statistics.normalise(lanes.load(x + d)), dy = d_xhat(d, lanes);
    sum += dy;
    product += dy * xhat;
    visit(d, lanes, xhat);
  });
  const Compute size = static_cast<Compute>(dim);
  const Compute mean_gradient = sum_of_lanes<Compute>(sum) / size;
  const Compute mean_product = sum_of_lanes<Compute>(product) / size;
  for_each_vector<Compute>(dim, [&](std::int64_t d, auto lanes) {
    const Vector<Compute> xhat = statistics.normalise(lanes.load(x + d));
    use(d, lanes, statistics.reciprocal * (d_xhat(d, lanes) - mean_gradient - xhat * mean_product));
  });
}

// p += v.
template <typename Lanes, typename Compute>
inline void add_to(Lanes lanes, Compute* p, Vector<Compute> v) {
  lanes.store(p, lanes.load(p) + v);
}

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
