// norm, residual_norm and their gradients (see expert_block_kernels.h), a row at a time.
#pragma once

#include "row_sums.h"

namespace hgnn_moe::ops::cuda {

template <typename Compute>
HGNN_MOE_HOST_DEVICE Compute reciprocal_root(Compute x) {
  return Compute(1) / std::sqrt(x);
}

// Normalises a row in shared memory, in phases 1 to 3 of a body whose phase 0 has filled the row
// and added its sum.
template <typename Compute, int Lanes>
struct RowNorm {
  std::int64_t dim;
  Compute epsilon;
  Compute* row;  // [dim]
  RowSums<Compute, 1> sum, squares;

  HGNN_MOE_HOST_DEVICE RowNorm(Arena<Compute>& arena, std::int64_t dim, double epsilon, int threads)
      : dim(dim),
        epsilon(static_cast<Compute>(epsilon)),
        row(arena.take(dim)),
        sum(arena, threads),
        squares(arena, threads) {}

  HGNN_MOE_HOST_DEVICE void run(int phase, Thread t) const {
    if (phase == 1) return sum.combine(t);
    if (phase == 3) return squares.combine(t);
    const Compute m = mean();
    Compute total = 0;
    for_columns<Lanes>(dim, t, [&](std::int64_t d) {
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) total += (row[d + l] - m) * (row[d + l] - m);
    });
    squares.add(0, t, total);
  }
  HGNN_MOE_HOST_DEVICE Compute mean() const { return sum.total(0) / static_cast<Compute>(dim); }
  HGNN_MOE_HOST_DEVICE Compute reciprocal_deviation() const {
    return reciprocal_root(squares.total(0) / static_cast<Compute>(dim) + epsilon);
  }
};

template <typename Scalar>
struct ResidualNormArguments {
  using Compute = ComputeOf<Scalar>;

  int experts;
  std::int64_t dim;
  double epsilon;
  const Compute* x;                    // [N, D]
  const Scalar* y;                     // [N, E, D], or null: the norm of x alone, with E = 1
  const Compute *bias, *gamma, *beta;  // [E, D], or null with y
  Compute* h;                          // or null with y
  Scalar* z;
  Compute *mean, *reciprocal_deviation;  // [N, E]
};

// h = x + y + bias, z = norm(h) gamma + beta; or z = norm(x). A unit is a row (n, e).
template <typename ScalarType, int Lanes>
struct ResidualNormBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = ResidualNormArguments<Scalar>;

  Arguments a;
  Arena<Compute> arena;
  RowNorm<Compute, Lanes> norm;

  HGNN_MOE_HOST_DEVICE ResidualNormBody(const Arguments& arguments, void* shared, int threads)
      : a(arguments), arena(shared), norm(arena, a.dim, a.epsilon, threads) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return ResidualNormBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return 5; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t unit, bool, Thread t) const {
    if (phase == 0) return add_up(unit, t);
    if (phase < 4) return norm.run(phase, t);
    write(unit, t);
  }

 private:
  HGNN_MOE_HOST_DEVICE void add_up(std::int64_t unit, Thread t) const {
    const std::int64_t n = unit / a.experts, e = unit % a.experts;
    Compute total = 0;
    for_columns<Lanes>(a.dim, t, [&](std::int64_t d) {
      Compute h[Lanes];
      load<Lanes>(a.x + n * a.dim + d, h);
      if (a.y != nullptr) {
        Compute y[Lanes];
        load<Lanes>(a.y + unit * a.dim + d, y);
        HGNN_MOE_UNROLL
        for (int l = 0; l < Lanes; ++l) h[l] += y[l] + a.bias[e * a.dim + d + l];
        store<Lanes>(a.h + unit * a.dim + d, h);
      }
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        norm.row[d + l] = h[l];
        total += h[l];
      }
    });
    norm.sum.add(0, t, total);
  }

  HGNN_MOE_HOST_DEVICE void write(std::int64_t unit, Thread t) const {
    const std::int64_t e = unit % a.experts;
    const Compute mean = norm.mean(), reciprocal = norm.reciprocal_deviation();
    for_columns<Lanes>(a.dim, t, [&](std::int64_t d) {
      Compute z[Lanes];
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        z[l] = (norm.row[d + l] - mean) * reciprocal;
        if (a.gamma != nullptr) {
          z[l] = z[l] * a.gamma[e * a.dim + d + l] + a.beta[e * a.dim + d + l];
        }
      }
      store<Lanes>(a.z + unit * a.dim + d, z);
    });
    if (t.index == 0) {
      a.mean[unit] = mean;
      a.reciprocal_deviation[unit] = reciprocal;
    }
  }
};

template <typename Scalar>
struct NormGradientArguments {
  using Compute = ComputeOf<Scalar>;

  std::int64_t dim;
  const Scalar* d_xhat;                        // [N, D]
  const Compute* x;                            // [N, D]
  const Compute *mean, *reciprocal_deviation;  // [N]
  Compute* d_x;                                // added to
};

// d_x += r (d_xhat - mean(d_xhat) - xhat mean(d_xhat xhat)). A unit is a row n.
template <typename ScalarType, int Lanes>
struct NormGradientBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = NormGradientArguments<Scalar>;

  Arguments a;
  Arena<Compute> arena;
  RowSums<Compute, 2> sums;  // of d_xhat, of d_xhat xhat

  HGNN_MOE_HOST_DEVICE NormGradientBody(const Arguments& arguments, void* shared, int threads)
      : a(arguments), arena(shared), sums(arena, threads) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return NormGradientBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return 3; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t n, bool, Thread t) const {
    if (phase == 1) return sums.combine(t);
    const Compute mean = a.mean[n], reciprocal = a.reciprocal_deviation[n];
    const bool last = phase == 2;
    const auto size = static_cast<Compute>(a.dim);
    const Compute mean_d = last ? sums.total(0) / size : Compute(0);
    const Compute mean_product = last ? sums.total(1) / size : Compute(0);
    Compute total = 0, products = 0;
    for_columns<Lanes>(a.dim, t, [&](std::int64_t d) {
      Compute x[Lanes], d_xhat[Lanes], d_x[Lanes];
      load<Lanes>(a.x + n * a.dim + d, x);
      load<Lanes>(a.d_xhat + n * a.dim + d, d_xhat);
      if (last) load<Lanes>(a.d_x + n * a.dim + d, d_x);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        const Compute xhat = (x[l] - mean) * reciprocal;
        total += d_xhat[l];
        products += d_xhat[l] * xhat;
        if (last) d_x[l] += reciprocal * (d_xhat[l] - mean_d - xhat * mean_product);
      }
      if (last) store<Lanes>(a.d_x + n * a.dim + d, d_x);
    });
    if (last) return;
    sums.add(0, t, total);
    sums.add(1, t, products);
  }
};

template <typename Scalar>
struct ResidualNormGradientArguments {
  using Compute = ComputeOf<Scalar>;

  ExpertTokens units;
  std::int64_t dim;
  const Compute* d_h;                          // [N, E, D]
  const Scalar* d_z;                           // [N, E, D]
  const Compute* h;                            // [N, E, D]
  const Compute *mean, *reciprocal_deviation;  // [N, E]
  const Compute* gamma;                        // [E, D]
  Scalar* d_y;                                 // [N, E, D]
  Compute* total;                              // [N, E, D]: d_y before it is rounded; may be null
  Compute* sums;                               // [E, blocks, 3, D]: of d_bias, d_gamma, d_beta
};

// d_y = d_h + the gradient through norm and gamma, with its sums over tokens. A unit is a row of
// ExpertTokens.
template <typename ScalarType, int Lanes>
struct ResidualNormGradientBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = ResidualNormGradientArguments<Scalar>;

  Arguments a;
  Arena<Compute> arena;
  Compute *xhat, *d_xhat;        // [D], of the row
  Compute *bias, *gamma, *beta;  // [D], the block's sums
  RowSums<Compute, 2> sums;      // of d_xhat, of d_xhat xhat

  HGNN_MOE_HOST_DEVICE ResidualNormGradientBody(const Arguments& arguments, void* shared,
                                                int threads)
      : a(arguments),
        arena(shared),
        xhat(arena.take(a.dim)),
        d_xhat(arena.take(a.dim)),
        bias(arena.take(a.dim)),
        gamma(arena.take(a.dim)),
        beta(arena.take(a.dim)),
        sums(arena, threads) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return ResidualNormGradientBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return 3; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 1; }

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t unit, bool is_first, Thread t) const {
    if (phase == 0 && is_first) clear(t);
    if (a.units.token(unit) >= a.units.tokens) return;
    if (phase == 0) return read(unit, t);
    if (phase == 1) return sums.combine(t);
    write(unit, t);
  }

  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t block, Thread t) const {
    Compute* out = a.sums + 3 * block * a.dim;
    for_columns<1>(a.dim, t, [&](std::int64_t d) {
      out[d] = bias[d];
      out[a.dim + d] = gamma[d];
      out[2 * a.dim + d] = beta[d];
    });
  }

 private:
  HGNN_MOE_HOST_DEVICE void clear(Thread t) const {
    for_columns<Lanes>(a.dim, t, [&](std::int64_t d) {
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) bias[d + l] = gamma[d + l] = beta[d + l] = 0;
    });
  }

  HGNN_MOE_HOST_DEVICE void read(std::int64_t unit, Thread t) const {
    const std::int64_t row = a.units.row(unit), e = a.units.expert(unit);
    const Compute mean = a.mean[row], reciprocal = a.reciprocal_deviation[row];
    Compute total = 0, products = 0;
    for_columns<Lanes>(a.dim, t, [&](std::int64_t d) {
      Compute h[Lanes], d_z[Lanes];
      load<Lanes>(a.h + row * a.dim + d, h);
      load<Lanes>(a.d_z + row * a.dim + d, d_z);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        const Compute x = (h[l] - mean) * reciprocal;
        const Compute d_x = d_z[l] * a.gamma[e * a.dim + d + l];
        xhat[d + l] = x;
        d_xhat[d + l] = d_x;
        gamma[d + l] += d_z[l] * x;
        beta[d + l] += d_z[l];
        total += d_x;
        products += d_x * x;
      }
    });
    sums.add(0, t, total);
    sums.add(1, t, products);
  }

  HGNN_MOE_HOST_DEVICE void write(std::int64_t unit, Thread t) const {
    const std::int64_t row = a.units.row(unit);
    const Compute reciprocal = a.reciprocal_deviation[row];
    const auto size = static_cast<Compute>(a.dim);
    const Compute mean_d = sums.total(0) / size, mean_product = sums.total(1) / size;
    for_columns<Lanes>(a.dim, t, [&](std::int64_t d) {
      Compute total[Lanes];
      load<Lanes>(a.d_h + row * a.dim + d, total);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        total[l] += reciprocal * (d_xhat[d + l] - mean_d - xhat[d + l] * mean_product);
        bias[d + l] += total[l];
      }
      store<Lanes>(a.d_y + row * a.dim + d, total);
      if (a.total != nullptr) store<Lanes>(a.total + row * a.dim + d, total);
    });
  }
};

}  // namespace hgnn_moe::ops::cuda
