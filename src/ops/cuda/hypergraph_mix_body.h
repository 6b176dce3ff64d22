// hypergraph_mix on blocks of tokens: out_n = P(w_n) x_n + bias and its gradients.
#pragma once

#include "rows.h"

namespace hgnn_moe::ops::cuda {

// Contiguous tensors; the incidence compressed both ways, int64.
template <typename Scalar>
struct HypergraphMixArguments {
  using Compute = ComputeOf<Scalar>;

  int experts, hyperedges;
  std::int64_t dim;
  const std::int64_t *node_offsets, *node_hyperedges;
  const std::int64_t *hyperedge_offsets, *hyperedge_nodes;
  bool weights_in_products;  // P = diag(1/d) H diag(w/beta) H^T, else diag(1/d) H diag(1/beta) H^T
  const Scalar* x;
  const Compute* weights;       // of token n at weights + n * weights_stride
  std::int64_t weights_stride;  // M, or 0 where tokens share them
  const Compute* bias;          // [D] or null
  Scalar* out;
  // Of the backward pass alone.
  const Scalar* d_out;
  Scalar* d_x;
  Compute* d_weights;  // [N, M] or, where tokens share the weights, [blocks, M]
  Compute* d_bias;     // [blocks, D] or null
};

// P of a token in shared memory. Row i is computed by thread i.
template <typename Scalar>
struct HypergraphMatrix {
  using Compute = ComputeOf<Scalar>;

  Compute *spread, *mixing;  // [E, E]
  Compute* inverse_degree;   // [E]

  HGNN_MOE_HOST_DEVICE HypergraphMatrix(Arena<Compute>& arena, int experts)
      : spread(arena.take(experts * experts)),
        mixing(arena.take(experts * experts)),
        inverse_degree(arena.take(experts)) {}

  HGNN_MOE_HOST_DEVICE static Compute magnitude(Compute x) { return x < 0 ? -x : x; }
  HGNN_MOE_HOST_DEVICE static Compute epsilon() {
    return sizeof(Compute) == 8 ? Compute(2.220446049250313e-16) : Compute(1.1920929e-07);
  }

  HGNN_MOE_HOST_DEVICE void make(const HypergraphMixArguments<Scalar>& a, const Compute* w,
                                 Thread t) const {
    for (int i = t.index; i < a.experts; i += t.count) {
      Compute* row = spread + i * a.experts;
      for (int j = 0; j < a.experts; ++j) row[j] = 0;
      Compute degree = 0, size = 0;
      for (std::int64_t k = a.node_offsets[i]; k < a.node_offsets[i + 1]; ++k) {
        const std::int64_t m = a.node_hyperedges[k];
        degree += w[m];
        size += magnitude(w[m]);
        const std::int64_t first = a.hyperedge_offsets[m], last = a.hyperedge_offsets[m + 1];
        const Compute share =
            1 / static_cast<Compute>(last - first) * (a.weights_in_products ? w[m] : Compute(1));
        for (std::int64_t q = first; q < last; ++q) row[a.hyperedge_nodes[q]] += share;
      }
      // A degree that is rounding noise counts as none; NaN is not noise.
      const bool is_noise = magnitude(degree) <= 8 * epsilon() * size;
      inverse_degree[i] = is_noise ? Compute(0) : 1 / degree;
      for (int j = 0; j < a.experts; ++j) mixing[i * a.experts + j] = inverse_degree[i] * row[j];
    }
  }
};

template <typename ScalarType, int Tile, int Lanes>
struct HypergraphMixBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = HypergraphMixArguments<Scalar>;

  Arguments a;
  Arena<Compute> arena;
  HypergraphMatrix<Scalar> graph;

  HGNN_MOE_HOST_DEVICE HypergraphMixBody(const Arguments& arguments, void* shared, int)
      : a(arguments), arena(shared), graph(arena, a.experts) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return HypergraphMixBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return 2; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t n, bool is_first, Thread t) const {
    if (phase == 0) {
      if (is_first || a.weights_stride != 0) graph.make(a, a.weights + n * a.weights_stride, t);
      return;
    }
    const std::int64_t first = n * a.experts * a.dim;
    const Compute* bias = a.bias;
    multiply<Tile, Lanes>(
        SmallMatrix<Compute>{graph.mixing, a.experts, 1}, a.experts, a.experts, a.x + first,
        a.out + first, a.dim,
        [bias](int, std::int64_t d) { return bias == nullptr ? Compute(0) : bias[d]; }, t);
  }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}
};

template <typename ScalarType, int Tile, int Lanes>
struct HypergraphMixGradientBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = HypergraphMixArguments<Scalar>;

  Arguments a;
  Arena<Compute> arena;
  HypergraphMatrix<Scalar> graph;
  OuterProduct<Scalar> product;
  Compute *d_mixing, *d_degree, *bias_sums;  // [E, E], [E], [D]

  HGNN_MOE_HOST_DEVICE HypergraphMixGradientBody(const Arguments& arguments, void* shared,
                                                 int threads)
      : a(arguments),
        arena(shared),
        graph(arena, a.experts),
        product(arena, a.experts, a.experts, a.dim, threads),
        d_mixing(arena.take(a.experts * a.experts)),
        d_degree(arena.take(a.experts)),
        bias_sums(arena.take(a.d_bias == nullptr ? 0 : a.dim)) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return HypergraphMixGradientBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE bool per_token() const { return a.weights_stride != 0; }
  // P; the tiles of dY X^T; dX; and, where each token has its own weights, their gradient.
  HGNN_MOE_HOST_DEVICE int phases() const {
    return 2 + product.phases() + (per_token() ? kWeightPhases : 0);
  }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return per_token() ? 1 : kWeightPhases; }

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t n, bool is_first, Thread t) const {
    const std::int64_t first = n * a.experts * a.dim;
    const Compute* w = a.weights + n * a.weights_stride;
    if (phase == 0) {
      if (is_first || per_token()) {
        graph.make(a, w, t);
        product.clear(t);
      }
      if (is_first && a.d_bias != nullptr) {
        for (std::int64_t d = t.index; d < a.dim; d += t.count) bias_sums[d] = 0;
      }
      return;
    }
    const int tile = phase - 1;
    if (tile < product.phases()) {
      product.run(tile, a.d_out + first, a.x + first, t);
      if (tile % 2 == 1 && a.d_bias != nullptr) add_to_bias(tile / 2, t);
      return;
    }
    if (tile == product.phases()) {
      multiply<Tile, Lanes>(
          SmallMatrix<Compute>{graph.mixing, 1, a.experts}, a.experts, a.experts, a.d_out + first,
          a.d_x + first, a.dim, [](int, std::int64_t) { return Compute(0); }, t);
      return;
    }
    differentiate_weights(tile - product.phases() - 1, a.d_weights + n * a.hyperedges, t);
  }

  HGNN_MOE_HOST_DEVICE void finish(int phase, std::int64_t block, Thread t) const {
    if (phase == 0 && a.d_bias != nullptr) {
      for (std::int64_t d = t.index; d < a.dim; d += t.count) {
        a.d_bias[block * a.dim + d] = bias_sums[d];
      }
    }
    if (!per_token()) differentiate_weights(phase, a.d_weights + block * a.hyperedges, t);
  }

 private:
  static constexpr int kWeightPhases = 3;

  // Column d of the sums belongs to one thread, whatever tile it is in.
  HGNN_MOE_HOST_DEVICE void add_to_bias(int tile, Thread t) const {
    const std::int64_t first = static_cast<std::int64_t>(tile) * product.columns();
    const std::int64_t left = a.dim - first;
    const int columns = static_cast<int>(left < product.columns() ? left : product.columns());
    for (int d = t.index; d < columns; d += t.count) {
      Compute sum = 0;
      for (int i = 0; i < a.experts; ++i) sum += product.y_tile()[i * product.stride() + d];
      bias_sums[first + d] += sum;
    }
  }

  // From d_mixing, the gradient of P, to that of the weights.
  HGNN_MOE_HOST_DEVICE void differentiate_weights(int phase, Compute* d_w, Thread t) const {
    const int e = a.experts;
    if (phase == 0) {
      for (int p = t.index; p < e * e; p += t.count) d_mixing[p] = product.total(p);
    } else if (phase == 1) {
      for (int i = t.index; i < e; i += t.count) {
        Compute d_inverse = 0;
        for (int j = 0; j < e; ++j) d_inverse += d_mixing[i * e + j] * graph.spread[i * e + j];
        // Where 1/d is 0 by definition its derivative is 0 too, whatever d_inverse is.
        const Compute inverse = graph.inverse_degree[i];
        d_degree[i] = inverse == 0 ? Compute(0) : -inverse * inverse * d_inverse;
      }
    } else {
      for (int m = t.index; m < a.hyperedges; m += t.count) {
        const std::int64_t first = a.hyperedge_offsets[m], last = a.hyperedge_offsets[m + 1];
        Compute degrees = 0, products = 0;
        for (std::int64_t i = first; i < last; ++i) {
          const std::int64_t row = a.hyperedge_nodes[i];
          degrees += d_degree[row];
          if (!a.weights_in_products) continue;
          Compute sum = 0;
          for (std::int64_t j = first; j < last; ++j) {
            sum += d_mixing[row * e + a.hyperedge_nodes[j]];
          }
          products += graph.inverse_degree[row] * sum;
        }
        const Compute size = last > first ? static_cast<Compute>(last - first) : Compute(1);
        d_w[m] = degrees + products / size;
      }
    }
  }
};

}  // namespace hgnn_moe::ops::cuda
