#include "gnn_message_kernel.h"

#include "rows.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

namespace {

inline float exponential(float x) { return __builtin_expf(x); }
inline double exponential(double x) { return __builtin_exp(x); }

template <typename Compute>
Compute sigmoid(Compute x) {
  return 1 / (1 + exponential(-x));
}

// The small matrices of one token.
template <typename Compute>
struct Workspace {
  Compute *scores, *d_scores;                      // [2, E]: own and other; their gradients
  Compute *gate, *mixing, *transposed, *d_mixing;  // [E, E]
  Compute* rows;                                   // [E, D]

  Workspace(void* memory, std::int64_t e) {
    auto* next = static_cast<Compute*>(memory);
    scores = next;
    d_scores = next += 2 * e;
    gate = next += 2 * e;
    mixing = next += e * e;
    transposed = next += e * e;
    d_mixing = next += e * e;
    rows = next += e * e;
  }
};

// scores[h, e] = <weight row h, x row e>.
template <typename Scalar, typename Compute>
void score(const Compute* weight, const Scalar* x, Compute* scores, std::int64_t experts,
           std::int64_t dim) {
  for (std::int64_t e = 0; e < experts; ++e) {
    const Scalar* row = x + e * dim;
    Vector<Compute> own = {}, other = {};
    std::int64_t d = 0;
    for (; d + kLanes<Compute> <= dim; d += kLanes<Compute>) {
      const Vector<Compute> in = load_vector(row + d);
      own += load_vector(weight + d) * in;
      other += load_vector(weight + dim + d) * in;
    }
    Compute own_sum = sum_of_lanes<Compute>(own), other_sum = sum_of_lanes<Compute>(other);
    for (; d < dim; ++d) {
      own_sum += weight[d] * load(row + d);
      other_sum += weight[dim + d] * load(row + d);
    }
    scores[e] = own_sum;
    scores[experts + e] = other_sum;
  }
}

// gate_ij = sigmoid(own_i + other_j + bias), mixing = gate * adjacency off the diagonal.
template <typename Scalar, typename Compute>
void mixing_of_token(const GnnMessageArguments& a, const Scalar* x, Workspace<Compute>& w) {
  const std::int64_t e = a.experts;
  const auto* adjacency = static_cast<const Compute*>(a.adjacency);
  const Compute bias = *static_cast<const Compute*>(a.message_bias);
  score(static_cast<const Compute*>(a.message_weight), x, w.scores, e, a.dim);
  for (std::int64_t i = 0; i < e; ++i) {
    for (std::int64_t j = 0; j < e; ++j) {
      const Compute gate = i == j ? Compute(0) : sigmoid(w.scores[i] + w.scores[e + j] + bias);
      w.gate[i * e + j] = gate;
      w.mixing[i * e + j] = i == j ? Compute(0) : gate * adjacency[i * e + j];
    }
  }
}

template <typename Scalar>
void forward(const GnnMessageArguments& a, void* out, void* workspace, std::int64_t begin,
             std::int64_t end) {
  using Compute = typename Traits<Scalar>::Compute;
  Workspace<Compute> w(workspace, a.experts);
  const bool stream = a.stream && can_stream(static_cast<const Scalar*>(out), a.dim);
  for (std::int64_t n = begin; n < end; ++n) {
    const std::int64_t first = n * a.experts * a.dim;
    const Scalar* x = static_cast<const Scalar*>(a.x) + first;
    mixing_of_token(a, x, w);
    multiply(w.mixing, x, static_cast<const Compute*>(nullptr), static_cast<Scalar*>(out) + first,
             a.experts, a.experts, a.dim, stream);
  }
  if (stream) finish_streaming();
}

// From d_mixing to the gradients of the scores; adds those of the adjacency and the bias.
template <typename Compute>
void differentiate_gates(const GnnMessageArguments& a, const GnnMessageSums& sums,
                         Workspace<Compute>& w) {
  const std::int64_t e = a.experts;
  const auto* adjacency = static_cast<const Compute*>(a.adjacency);
  auto* d_adjacency = static_cast<Compute*>(sums.adjacency);
  fill_zero(w.d_scores, 2 * e);
  Compute d_bias = 0;
  for (std::int64_t i = 0; i < e; ++i) {
    for (std::int64_t j = 0; j < e; ++j) {
      if (i == j) continue;
      const std::int64_t ij = i * e + j;
      const Compute gate = w.gate[ij];
      const Compute d_score = w.d_mixing[ij] * adjacency[ij] * gate * (1 - gate);
      d_adjacency[ij] += w.d_mixing[ij] * gate;
      w.d_scores[i] += d_score;
      w.d_scores[e + j] += d_score;
      d_bias += d_score;
    }
  }
  *static_cast<Compute*>(sums.message_bias) += d_bias;
}

// d_x row e = d_mixed row e + d_own_e w_own + d_other_e w_other, and the weights' own gradients, in
// one pass. d_mixed may be d_x.
template <typename Scalar, typename Compute>
void differentiate_scores(const Compute* weight, const Scalar* x, const Compute* d_scores,
                          const Compute* d_mixed, Scalar* d_x, Compute* d_weight,
                          std::int64_t experts, std::int64_t dim) {
  for (std::int64_t e = 0; e < experts; ++e) {
    const Compute own = d_scores[e], other = d_scores[experts + e];
    const Scalar* row = x + e * dim;
    const Compute* mixed_row = d_mixed + e * dim;
    Scalar* d_row = d_x + e * dim;
    std::int64_t d = 0;
    for (; d + kLanes<Compute> <= dim; d += kLanes<Compute>) {
      const Vector<Compute> in = load_vector(row + d);
      store_vector(d_row + d, load_vector(mixed_row + d) + own * load_vector(weight + d) +
                                  other * load_vector(weight + dim + d));
      store_vector(d_weight + d, load_vector(d_weight + d) + own * in);
      store_vector(d_weight + dim + d, load_vector(d_weight + dim + d) + other * in);
    }
    for (; d < dim; ++d) {
      store(d_row + d, load(mixed_row + d) + own * weight[d] + other * weight[dim + d]);
      d_weight[d] += own * load(row + d);
      d_weight[dim + d] += other * load(row + d);
    }
  }
}

// Where d_x may stand before its last sum: in itself, or beside bfloat16 in the workspace.
template <typename Compute>
Compute* mixed_rows(Compute* d_x, Workspace<Compute>&) {
  return d_x;
}
inline float* mixed_rows(Bf16*, Workspace<float>& w) { return w.rows; }

template <typename Scalar>
void backward(const GnnMessageArguments& a, const void* d_out, void* d_x,
              const GnnMessageSums& sums, void* workspace, std::int64_t begin, std::int64_t end) {
  using Compute = typename Traits<Scalar>::Compute;
  const std::int64_t e = a.experts;
  Workspace<Compute> w(workspace, e);
  for (std::int64_t n = begin; n < end; ++n) {
    const std::int64_t first = n * e * a.dim;
    const Scalar* x = static_cast<const Scalar*>(a.x) + first;
    const Scalar* dy = static_cast<const Scalar*>(d_out) + first;
    Scalar* dx = static_cast<Scalar*>(d_x) + first;
    mixing_of_token(a, x, w);
    fill_zero(w.d_mixing, e * e);
    add_outer_product(dy, x, w.d_mixing, e, e, a.dim);
    differentiate_gates(a, sums, w);
    transpose(w.mixing, w.transposed, e);
    // In the type that is computed with, so that d_x is rounded once.
    Compute* d_mixed = mixed_rows(dx, w);
    multiply(w.transposed, dy, static_cast<const Compute*>(nullptr), d_mixed, e, e, a.dim,
             /*stream=*/false);
    differentiate_scores(static_cast<const Compute*>(a.message_weight), x, w.d_scores, d_mixed, dx,
                         static_cast<Compute*>(sums.message_weight), e, a.dim);
  }
}

void forward_any(const GnnMessageArguments& a, void* out, void* workspace, std::int64_t begin,
                 std::int64_t end) {
  with_scalar(a.type,
              [&](auto scalar) { forward<decltype(scalar)>(a, out, workspace, begin, end); });
}

void backward_any(const GnnMessageArguments& a, const void* d_out, void* d_x,
                  const GnnMessageSums& sums, void* workspace, std::int64_t begin,
                  std::int64_t end) {
  with_scalar(a.type, [&](auto scalar) {
    backward<decltype(scalar)>(a, d_out, d_x, sums, workspace, begin, end);
  });
}

}  // namespace

extern const GnnMessageKernels kGnnMessageKernels{forward_any, backward_any};

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
