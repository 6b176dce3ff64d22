// gelu_dropout, dropout_residual and their gradients (see expert_block_kernels.h), a row at a time.
#pragma once

#include <cmath>

#include "dropout_words.h"
#include "row_sums.h"

namespace hgnn_moe::ops::cuda {

// See ExpertDropout; `keys` null: no dropout.
struct TokenDropout {
  const std::uint64_t* keys;                // [E]
  const std::int64_t *positions, *samples;  // [N]
  std::uint32_t threshold;
  double scale;
};

// Columns d to d + Lanes of a row: zero where they are dropped, whatever they were, else scaled.
template <int Lanes, typename Compute>
HGNN_MOE_HOST_DEVICE void drop(const TokenDropout& dropout, std::int64_t n, int e, std::int64_t d,
                               Compute (&x)[Lanes]) {
  if (dropout.keys == nullptr) return;
  bool kept[Lanes];
  draw_kept<Lanes>(dropout.keys[e], {dropout.positions[n], dropout.samples[n], 0}, d,
                   dropout.threshold, kept);
  HGNN_MOE_UNROLL
  for (int l = 0; l < Lanes; ++l) {
    x[l] = kept[l] ? x[l] * static_cast<Compute>(dropout.scale) : Compute(0);
  }
}

// The normal distribution's share below x, and its density.
HGNN_MOE_HOST_DEVICE float normal_share(float x) { return 0.5f * (1 + erff(x * 0.70710678f)); }
HGNN_MOE_HOST_DEVICE double normal_share(double x) {
  return 0.5 * (1 + erf(x * 0.70710678118654752440));
}
HGNN_MOE_HOST_DEVICE float normal_density(float x) { return 0.39894228f * expf(-0.5f * x * x); }
HGNN_MOE_HOST_DEVICE double normal_density(double x) {
  return 0.39894228040143267794 * exp(-0.5 * x * x);
}

template <typename Scalar>
struct GeluDropoutArguments {
  using Compute = ComputeOf<Scalar>;

  ExpertTokens units;
  std::int64_t dim;
  const Scalar* u;      // [N, E, F]
  const Compute* bias;  // [E, F]
  TokenDropout dropout;
  Scalar* g;  // of the forward pass
  // Of the backward pass.
  const Scalar* d_g;
  Scalar* d_u;
  Compute* sums;  // [E, blocks, F]: of d_u
};

// g = dropout(gelu(u + bias)). A unit is a row of ExpertTokens.
template <typename ScalarType, int Lanes>
struct GeluDropoutBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = GeluDropoutArguments<Scalar>;

  Arguments a;

  HGNN_MOE_HOST_DEVICE GeluDropoutBody(const Arguments& arguments, void*, int) : a(arguments) {}
  static std::int64_t shared_elements(const Arguments&, int) { return 0; }

  HGNN_MOE_HOST_DEVICE int phases() const { return 1; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}

  HGNN_MOE_HOST_DEVICE void run(int, std::int64_t unit, bool, Thread t) const {
    const std::int64_t n = a.units.token(unit);
    if (n >= a.units.tokens) return;
    const int e = a.units.expert(unit);
    const std::int64_t first = a.units.row(unit) * a.dim;
    for_columns<Lanes>(a.dim, t, [&](std::int64_t d) {
      Compute v[Lanes];
      load<Lanes>(a.u + first + d, v);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        v[l] += a.bias[e * a.dim + d + l];
        v[l] *= normal_share(v[l]);
      }
      drop<Lanes>(a.dropout, n, e, d, v);
      store<Lanes>(a.g + first + d, v);
    });
  }
};

// Sums over the tokens of a block of what passes a column.
template <typename Compute>
struct ColumnSums {
  std::int64_t dim;
  Compute* values;  // [dim]

  HGNN_MOE_HOST_DEVICE ColumnSums(Arena<Compute>& arena, std::int64_t dim)
      : dim(dim), values(arena.take(dim)) {}

  template <int Lanes>
  HGNN_MOE_HOST_DEVICE void clear(Thread t) const {
    for_columns<Lanes>(dim, t, [&](std::int64_t d) {
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) values[d + l] = 0;
    });
  }
  template <int Lanes>
  HGNN_MOE_HOST_DEVICE void add(std::int64_t d, const Compute (&x)[Lanes]) const {
    HGNN_MOE_UNROLL
    for (int l = 0; l < Lanes; ++l) values[d + l] += x[l];
  }
  HGNN_MOE_HOST_DEVICE void write(Compute* out, Thread t) const {
    for_columns<1>(dim, t, [&](std::int64_t d) { out[d] = values[d]; });
  }
};

// d_u = gelu'(u + bias) dropout(d_g), with its sums over tokens.
template <typename ScalarType, int Lanes>
struct GeluDropoutGradientBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = GeluDropoutArguments<Scalar>;

  Arguments a;
  Arena<Compute> arena;
  ColumnSums<Compute> sums;

  HGNN_MOE_HOST_DEVICE GeluDropoutGradientBody(const Arguments& arguments, void* shared, int)
      : a(arguments), arena(shared), sums(arena, a.dim) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return GeluDropoutGradientBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return 1; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 1; }

  HGNN_MOE_HOST_DEVICE void run(int, std::int64_t unit, bool is_first, Thread t) const {
    if (is_first) sums.template clear<Lanes>(t);
    const std::int64_t n = a.units.token(unit);
    if (n >= a.units.tokens) return;
    const int e = a.units.expert(unit);
    const std::int64_t first = a.units.row(unit) * a.dim;
    for_columns<Lanes>(a.dim, t, [&](std::int64_t d) {
      Compute v[Lanes], d_v[Lanes];
      load<Lanes>(a.u + first + d, v);
      load<Lanes>(a.d_g + first + d, d_v);
      drop<Lanes>(a.dropout, n, e, d, d_v);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        v[l] += a.bias[e * a.dim + d + l];
        d_v[l] *= normal_share(v[l]) + v[l] * normal_density(v[l]);
      }
      store<Lanes>(a.d_u + first + d, d_v);
      sums.add(d, d_v);
    });
  }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t block, Thread t) const {
    sums.write(a.sums + block * a.dim, t);
  }
};

template <typename Scalar>
struct DropoutResidualArguments {
  using Compute = ComputeOf<Scalar>;

  ExpertTokens units;
  std::int64_t dim;
  TokenDropout dropout;
  // Of the forward pass.
  const Compute* h;     // [N, E, D]
  const Scalar* y;      // [N, E, D]
  const Compute* bias;  // [E, D]
  Compute* out;
  // Of the backward pass.
  const Compute* d_out;
  Scalar* d_y;
  Compute* sums;  // [E, blocks, D]: of d_y
};

// out = h + dropout(y + bias). A unit is a row of ExpertTokens.
template <typename ScalarType, int Lanes>
struct DropoutResidualBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = DropoutResidualArguments<Scalar>;

  Arguments a;

  HGNN_MOE_HOST_DEVICE DropoutResidualBody(const Arguments& arguments, void*, int) : a(arguments) {}
  static std::int64_t shared_elements(const Arguments&, int) { return 0; }

  HGNN_MOE_HOST_DEVICE int phases() const { return 1; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}

  HGNN_MOE_HOST_DEVICE void run(int, std::int64_t unit, bool, Thread t) const {
    const std::int64_t n = a.units.token(unit);
    if (n >= a.units.tokens) return;
    const int e = a.units.expert(unit);
    const std::int64_t first = a.units.row(unit) * a.dim;
    for_columns<Lanes>(a.dim, t, [&](std::int64_t d) {
      Compute v[Lanes], h[Lanes];
      load<Lanes>(a.y + first + d, v);
      load<Lanes>(a.h + first + d, h);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) v[l] += a.bias[e * a.dim + d + l];
      drop<Lanes>(a.dropout, n, e, d, v);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) v[l] += h[l];
      store<Lanes>(a.out + first + d, v);
    });
  }
};

// d_y = dropout(d_out), with its sums over tokens.
template <typename ScalarType, int Lanes>
struct DropoutResidualGradientBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = DropoutResidualArguments<Scalar>;

  Arguments a;
  Arena<Compute> arena;
  ColumnSums<Compute> sums;

  HGNN_MOE_HOST_DEVICE DropoutResidualGradientBody(const Arguments& arguments, void* shared, int)
      : a(arguments), arena(shared), sums(arena, a.dim) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return DropoutResidualGradientBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return 1; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 1; }

  HGNN_MOE_HOST_DEVICE void run(int, std::int64_t unit, bool is_first, Thread t) const {
    if (is_first) sums.template clear<Lanes>(t);
    const std::int64_t n = a.units.token(unit);
    if (n >= a.units.tokens) return;
    const int e = a.units.expert(unit);
    const std::int64_t first = a.units.row(unit) * a.dim;
    for_columns<Lanes>(a.dim, t, [&](std::int64_t d) {
      Compute v[Lanes];
      load<Lanes>(a.d_out + first + d, v);
      drop<Lanes>(a.dropout, n, e, d, v);
      store<Lanes>(a.d_y + first + d, v);
      sums.add(d, v);
    });
  }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t block, Thread t) const {
    sums.write(a.sums + block * a.dim, t);
  }
};

}  // namespace hgnn_moe::ops::cuda
