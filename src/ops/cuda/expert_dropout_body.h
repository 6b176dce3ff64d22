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

// Columns d to d + Lanes of the row of token n and expert e.
struct RowPack {
  std::int64_t n;
  int e;
  std::int64_t d, at, of_expert;  // `at` in [N, E, dim], `of_expert` in [E, dim]
};

// What the pack has in x: zero where it is dropped, whatever it was, else scaled.
template <int Lanes, typename Compute>
HGNN_MOE_HOST_DEVICE void drop(const TokenDropout& dropout, const RowPack& pack,
                               Compute (&x)[Lanes]) {
  if (dropout.keys == nullptr) return;
  bool kept[Lanes];
  draw_kept<Lanes>(dropout.keys[pack.e], {dropout.positions[pack.n], dropout.samples[pack.n], 0},
                   pack.d, dropout.threshold, kept);
  HGNN_MOE_UNROLL
  for (int l = 0; l < Lanes; ++l) {
    x[l] = kept[l] ? x[l] * static_cast<Compute>(dropout.scale) : Compute(0);
  }
}

// Calls f(pack) for a thread's packs of a unit's row, of which there is none past the last token.
template <int Lanes, typename Arguments, typename F>
HGNN_MOE_HOST_DEVICE void for_packs(const Arguments& a, std::int64_t unit, Thread t, const F& f) {
  const std::int64_t n = a.units.token(unit);
  if (n >= a.units.tokens) return;
  const int e = a.units.expert(unit);
  const std::int64_t first = a.units.row(unit) * a.dim;
  for_columns<Lanes>(a.dim, t,
                     [&](std::int64_t d) { f(RowPack{n, e, d, first + d, e * a.dim + d}); });
}

// Writes every row with Step::write(arguments, pack, v), where v gets what is written; with
// Step::kSums its sums over the tokens of a block go to arguments.sums. A unit is a row of
// ExpertTokens.
template <typename Step, int Lanes>
struct RowsBody {
  using Arguments = typename Step::Arguments;
  using Compute = typename Arguments::Compute;

  Arguments a;
  Arena<Compute> arena;
  Compute* sums;  // [dim], or null

  HGNN_MOE_HOST_DEVICE RowsBody(const Arguments& arguments, void* shared, int)
      : a(arguments), arena(shared), sums(Step::kSums ? arena.take(a.dim) : nullptr) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return RowsBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return 1; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return Step::kSums ? 1 : 0; }

  HGNN_MOE_HOST_DEVICE void run(int, std::int64_t unit, bool is_first, Thread t) const {
    if (Step::kSums && is_first) clear(t);
    for_packs<Lanes>(a, unit, t, [&](const RowPack& pack) {
      Compute v[Lanes];
      Step::write(a, pack, v);
      if constexpr (Step::kSums) {
        HGNN_MOE_UNROLL
        for (int l = 0; l < Lanes; ++l) sums[pack.d + l] += v[l];
      }
    });
  }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t block, Thread t) const {
    for_columns<1>(a.dim, t, [&](std::int64_t d) { a.sums[block * a.dim + d] = sums[d]; });
  }

 private:
  HGNN_MOE_HOST_DEVICE void clear(Thread t) const {
    for_columns<Lanes>(a.dim, t, [&](std::int64_t d) {
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) sums[d + l] = 0;
    });
  }
};

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

// g = dropout(gelu(u + bias)).
template <typename Scalar>
struct GeluDropout {
  using Arguments = GeluDropoutArguments<Scalar>;
  static constexpr bool kSums = false;

  template <int Lanes, typename Compute>
  HGNN_MOE_HOST_DEVICE static void write(const Arguments& a, const RowPack& pack,
                                         Compute (&v)[Lanes]) {
    load<Lanes>(a.u + pack.at, v);
    HGNN_MOE_UNROLL
    for (int l = 0; l < Lanes; ++l) {
      v[l] += a.bias[pack.of_expert + l];
      v[l] *= normal_share(v[l]);
    }
    drop(a.dropout, pack, v);
    store<Lanes>(a.g + pack.at, v);
  }
};
template <typename Scalar, int Lanes>
using GeluDropoutBody = RowsBody<GeluDropout<Scalar>, Lanes>;

// d_u = gelu'(u + bias) dropout(d_g).
template <typename Scalar>
struct GeluDropoutGradient {
  using Arguments = GeluDropoutArguments<Scalar>;
  static constexpr bool kSums = true;

  template <int Lanes, typename Compute>
  HGNN_MOE_HOST_DEVICE static void write(const Arguments& a, const RowPack& pack,
                                         Compute (&d_u)[Lanes]) {
    Compute v[Lanes];
    load<Lanes>(a.u + pack.at, v);
    load<Lanes>(a.d_g + pack.at, d_u);
    drop(a.dropout, pack, d_u);
    HGNN_MOE_UNROLL
    for (int l = 0; l < Lanes; ++l) {
      v[l] += a.bias[pack.of_expert + l];
      d_u[l] *= normal_share(v[l]) + v[l] * normal_density(v[l]);
    }
    store<Lanes>(a.d_u + pack.at, d_u);
  }
};
template <typename Scalar, int Lanes>
using GeluDropoutGradientBody = RowsBody<GeluDropoutGradient<Scalar>, Lanes>;

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

// out = h + dropout(y + bias).
template <typename Scalar>
struct DropoutResidual {
  using Arguments = DropoutResidualArguments<Scalar>;
  static constexpr bool kSums = false;

  template <int Lanes, typename Compute>
  HGNN_MOE_HOST_DEVICE static void write(const Arguments& a, const RowPack& pack,
                                         Compute (&v)[Lanes]) {
    Compute h[Lanes];
    load<Lanes>(a.y + pack.at, v);
    load<Lanes>(a.h + pack.at, h);
    HGNN_MOE_UNROLL
    for (int l = 0; l < Lanes; ++l) v[l] += a.bias[pack.of_expert + l];
    drop(a.dropout, pack, v);
    HGNN_MOE_UNROLL
    for (int l = 0; l < Lanes; ++l) v[l] += h[l];
    store<Lanes>(a.out + pack.at, v);
  }
};
template <typename Scalar, int Lanes>
using DropoutResidualBody = RowsBody<DropoutResidual<Scalar>, Lanes>;

// d_y = dropout(d_out).
template <typename Scalar>
struct DropoutResidualGradient {
  using Arguments = DropoutResidualArguments<Scalar>;
  static constexpr bool kSums = true;

  template <int Lanes, typename Compute>
  HGNN_MOE_HOST_DEVICE static void write(const Arguments& a, const RowPack& pack,
                                         Compute (&d_y)[Lanes]) {
    load<Lanes>(a.d_out + pack.at, d_y);
    drop(a.dropout, pack, d_y);
    store<Lanes>(a.d_y + pack.at, d_y);
  }
};
template <typename Scalar, int Lanes>
using DropoutResidualGradientBody = RowsBody<DropoutResidualGradient<Scalar>, Lanes>;

}  // namespace hgnn_moe::ops::cuda
