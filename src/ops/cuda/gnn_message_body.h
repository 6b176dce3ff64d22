// gnn_message on blocks of tokens: out_n = K_n x_n with K_ij = sigmoid(own_i + other_j + bias) A_ij
// off the diagonal, and its gradients. K is computed again in the backward pass.
#pragma once

#include <cmath>

#include "rows.h"

namespace hgnn_moe::ops::cuda {

template <typename Scalar>
struct GnnMessageArguments {
  using Compute = ComputeOf<Scalar>;

  int experts;
  std::int64_t dim;
  const Scalar* x;                // [N, E, D]
  const Compute* message_weight;  // [2, D]
  const Compute* message_bias;    // [1]
  const Compute* adjacency;       // [E, E], after the sigmoid
  Scalar* out;
  // Of the backward pass alone; the sums of each block stand in rows of their own.
  const Scalar* d_out;
  Scalar* d_x;
  Compute* d_message_weight;  // [blocks, 2, D]
  Compute* d_message_bias;    // [blocks]
  Compute* d_adjacency;       // [blocks, E, E]
};

HGNN_MOE_HOST_DEVICE float sigmoid(float x) { return 1 / (1 + expf(-x)); }
HGNN_MOE_HOST_DEVICE double sigmoid(double x) { return 1 / (1 + exp(-x)); }

// K of a token in shared memory, in three phases.
template <typename Scalar>
struct GateMatrix {
  using Compute = ComputeOf<Scalar>;
  static constexpr int kPhases = 3;

  int segments;            // parts of a score, one a thread
  Compute* partial;        // [2, E, segments]
  Compute* scores;         // [2, E]: own, other
  Compute *gate, *mixing;  // [E, E]

  HGNN_MOE_HOST_DEVICE GateMatrix(Arena<Compute>& arena, int experts, int threads)
      : segments(threads / experts > 0 ? threads / experts : 1),
        partial(arena.take(2 * experts * segments)),
        scores(arena.take(2 * experts)),
        gate(arena.take(experts * experts)),
        mixing(arena.take(experts * experts)) {}

  HGNN_MOE_HOST_DEVICE void run(int phase, const GnnMessageArguments<Scalar>& a, const Scalar* x,
                                Thread t) const {
    const int e = a.experts;
    if (phase == 0) {
      for (int p = t.index; p < e * segments; p += t.count) {
        const Scalar* row = x + (p / segments) * a.dim;
        Compute own = 0, other = 0;
        for (std::int64_t d = p % segments; d < a.dim; d += segments) {
          const Compute in = value(row[d]);
          own += a.message_weight[d] * in;
          other += a.message_weight[a.dim + d] * in;
        }
        partial[p] = own;
        partial[e * segments + p] = other;
      }
    } else if (phase == 1) {
      for (int p = t.index; p < 2 * e; p += t.count) {
        Compute sum = 0;
        for (int s = 0; s < segments; ++s) sum += partial[p * segments + s];
        scores[p] = sum;
      }
    } else {
      for (int p = t.index; p < e * e; p += t.count) {
        const int i = p / e, j = p % e;
        gate[p] = i == j ? Compute(0) : sigmoid(scores[i] + scores[e + j] + *a.message_bias);
        mixing[p] = i == j ? Compute(0) : gate[p] * a.adjacency[p];
      }
    }
  }
};

template <typename ScalarType, int Tile, int Lanes>
struct GnnMessageBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = GnnMessageArguments<Scalar>;

  Arguments a;
  Arena<Compute> arena;
  GateMatrix<Scalar> gates;

  HGNN_MOE_HOST_DEVICE GnnMessageBody(const Arguments& arguments, void* shared, int threads)
      : a(arguments), arena(shared), gates(arena, a.experts, threads) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return GnnMessageBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return GateMatrix<Scalar>::kPhases + 1; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t n, bool, Thread t) const {
    const std::int64_t first = n * a.experts * a.dim;
    if (phase < GateMatrix<Scalar>::kPhases) return gates.run(phase, a, a.x + first, t);
    multiply<Tile, Lanes>(
        SmallMatrix<Compute>{gates.mixing, a.experts, 1}, a.experts, a.experts, a.x + first,
        a.out + first, a.dim, [](int, std::int64_t) { return Compute(0); }, t);
  }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}
};

template <typename ScalarType, int Tile, int Lanes>
struct GnnMessageGradientBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = GnnMessageArguments<Scalar>;

  Arguments a;
  Arena<Compute> arena;
  GateMatrix<Scalar> gates;
  OuterProduct<Scalar> product;
  Compute *d_pairs, *d_scores;                       // [E, E], [2, E]
  Compute *adjacency_sums, *weight_sums, *bias_sum;  // of the block: [E, E], [2, D], [1]

  HGNN_MOE_HOST_DEVICE GnnMessageGradientBody(const Arguments& arguments, void* shared, int threads)
      : a(arguments),
        arena(shared),
        gates(arena, a.experts, threads),
        product(arena, a.experts, a.experts, a.dim, threads),
        d_pairs(arena.take(a.experts * a.experts)),
        d_scores(arena.take(2 * a.experts)),
        adjacency_sums(arena.take(a.experts * a.experts)),
        weight_sums(arena.take(2 * a.dim)),
        bias_sum(arena.take(1)) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return GnnMessageGradientBody(a, nullptr, threads).arena.used();
  }

  // K; the tiles of dY X^T; the gradients of pairs, then of scores; dX and the sums over tokens.
  HGNN_MOE_HOST_DEVICE int phases() const {
    return GateMatrix<Scalar>::kPhases + product.phases() + 3;
  }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 1; }

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t n, bool is_first, Thread t) const {
    const std::int64_t first = n * a.experts * a.dim;
    if (phase == 0) {
      product.clear(t);
      if (is_first) clear_sums(t);
    }
    if (phase < GateMatrix<Scalar>::kPhases) return gates.run(phase, a, a.x + first, t);
    const int tile = phase - GateMatrix<Scalar>::kPhases;
    if (tile < product.phases()) return product.run(tile, a.d_out + first, a.x + first, t);
    const int last = tile - product.phases();
    if (last == 0) return differentiate_pairs(t);
    if (last == 1) return differentiate_scores(t);
    const int experts = a.experts;
    const Compute *own = d_scores, *other = d_scores + a.experts;
    const Compute *own_weight = a.message_weight, *other_weight = a.message_weight + a.dim;
    multiply<Tile, Lanes>(
        SmallMatrix<Compute>{gates.mixing, 1, a.experts}, a.experts, a.experts, a.d_out + first,
        a.d_x + first, a.dim,
        [=](int i, std::int64_t d) {
          // Rows past the last are computed in a tile and thrown away.
          return i < experts ? own[i] * own_weight[d] + other[i] * other_weight[d] : Compute(0);
        },
        t);
    add_to_weights(a.x + first, t);
  }

  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t block, Thread t) const {
    const std::int64_t pairs = static_cast<std::int64_t>(a.experts) * a.experts;
    for (std::int64_t d = t.index; d < 2 * a.dim; d += t.count) {
      a.d_message_weight[block * 2 * a.dim + d] = weight_sums[d];
    }
    for (std::int64_t p = t.index; p < pairs; p += t.count) {
      a.d_adjacency[block * pairs + p] = adjacency_sums[p];
    }
    if (t.index == 0) a.d_message_bias[block] = *bias_sum;
  }

 private:
  HGNN_MOE_HOST_DEVICE void clear_sums(Thread t) const {
    for (int p = t.index; p < a.experts * a.experts; p += t.count) adjacency_sums[p] = 0;
    for (std::int64_t d = t.index; d < 2 * a.dim; d += t.count) weight_sums[d] = 0;
    if (t.index == 0) *bias_sum = 0;
  }

  HGNN_MOE_HOST_DEVICE void differentiate_pairs(Thread t) const {
    for (int p = t.index; p < a.experts * a.experts; p += t.count) {
      const bool is_self = p / a.experts == p % a.experts;
      const Compute d_mixing = is_self ? Compute(0) : product.total(p), gate = gates.gate[p];
      d_pairs[p] = is_self ? Compute(0) : d_mixing * a.adjacency[p] * gate * (1 - gate);
      adjacency_sums[p] += d_mixing * gate;
    }
  }

  HGNN_MOE_HOST_DEVICE void differentiate_scores(Thread t) const {
    const int e = a.experts;
    for (int q = t.index; q < 2 * e; q += t.count) {
      Compute sum = 0;
      for (int k = 0; k < e; ++k) sum += q < e ? d_pairs[q * e + k] : d_pairs[k * e + q - e];
      d_scores[q] = sum;
    }
  }

  HGNN_MOE_HOST_DEVICE void add_to_weights(const Scalar* x, Thread t) const {
    for (std::int64_t d = t.index; d < a.dim; d += t.count) {
      Compute own = 0, other = 0;
      for (int e = 0; e < a.experts; ++e) {
        const Compute in = value(x[e * a.dim + d]);
        own += d_scores[e] * in;
        other += d_scores[a.experts + e] * in;
      }
      weight_sums[d] += own;
      weight_sums[a.dim + d] += other;
    }
    if (t.index != 0) return;
    Compute sum = 0;
    for (int e = 0; e < a.experts; ++e) sum += d_scores[e];
    *bias_sum += sum;
  }
};

}  // namespace hgnn_moe::ops::cuda
