// expert_mix on blocks of tokens; contiguous [N, E, D] and [N, R, D].
#pragma once

#include "rows.h"

namespace hgnn_moe::ops::cuda {

template <typename Scalar>
struct ExpertMixArguments {
  int rows, experts;
  std::int64_t dim;
  const ComputeOf<Scalar>* mixing;  // of token n at mixing + n * mixing_stride
  std::int64_t mixing_stride;
  const Scalar* x;
  Scalar* out;
};

// out_n = mixing_n x_n.
template <typename ScalarType, int Tile, int Lanes>
struct ExpertMixBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = ExpertMixArguments<Scalar>;

  Arguments a;
  Compute* mixing;

  HGNN_MOE_HOST_DEVICE ExpertMixBody(const Arguments& arguments, void* shared, int)
      : a(arguments), mixing(static_cast<Compute*>(shared)) {}

  static std::int64_t shared_elements(const Arguments& a, int) {
    return static_cast<std::int64_t>(a.rows) * a.experts;
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return 2; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t n, bool is_first, Thread t) const {
    if (phase == 0) {
      if (!is_first && a.mixing_stride == 0) return;
      const Compute* from = a.mixing + n * a.mixing_stride;
      for (int p = t.index; p < a.rows * a.experts; p += t.count) mixing[p] = from[p];
      return;
    }
    const SmallMatrix<Compute> k{mixing, a.experts, 1};
    multiply<Tile, Lanes>(
        k, a.rows, a.experts, a.x + n * a.experts * a.dim, a.out + n * a.rows * a.dim, a.dim,
        [](int, std::int64_t) { return Compute(0); }, t);
  }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}
};

template <typename Scalar>
struct ExpertMixGradientArguments {
  int rows, experts;
  std::int64_t dim;
  const Scalar *d_out, *x;
  // [N, R, E] or, where tokens share the mixing, the sums of each block [blocks, R, E].
  ComputeOf<Scalar>* d_mixing;
  bool per_token;
};

// d_mixing_n = d_out_n x_n^T.
template <typename ScalarType>
struct ExpertMixGradientBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = ExpertMixGradientArguments<Scalar>;

  Arguments a;
  Arena<Compute> arena;
  OuterProduct<Scalar> product;

  HGNN_MOE_HOST_DEVICE ExpertMixGradientBody(const Arguments& arguments, void* shared, int threads)
      : a(arguments), arena(shared), product(arena, a.rows, a.experts, a.dim, threads) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return ExpertMixGradientBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return product.phases() + (a.per_token ? 1 : 0); }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return a.per_token ? 0 : 1; }

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t n, bool is_first, Thread t) const {
    if (phase == product.phases()) return write(n, t);
    if (phase == 0 && (is_first || a.per_token)) product.clear(t);
    product.run(phase, a.d_out + n * a.rows * a.dim, a.x + n * a.experts * a.dim, t);
  }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t block, Thread t) const { write(block, t); }

  HGNN_MOE_HOST_DEVICE void write(std::int64_t index, Thread t) const {
    Compute* out = a.d_mixing + index * a.rows * a.experts;
    for (int p = t.index; p < a.rows * a.experts; p += t.count) out[p] = product.total(p);
  }
};

}  // namespace hgnn_moe::ops::cuda
