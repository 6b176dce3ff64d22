#include "hypergraph_mix_kernel.h"

#include "rows.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

namespace {

inline float magnitude(float x) { return __builtin_fabsf(x); }
inline double magnitude(double x) { return __builtin_fabs(x); }

template <typename Compute>
inline constexpr Compute kEpsilon = sizeof(Compute) == 8 ? __DBL_EPSILON__ : __FLT_EPSILON__;

// The small matrices of one graph: P = diag(inverse_degree) spread.
template <typename Compute>
struct Graph {
  Compute *spread, *mixing, *transposed, *d_mixing;  // [E, E]
  Compute *inverse_degree, *d_degree;                // [E]

  Graph(void* memory, std::int64_t e) {
    auto* next = static_cast<Compute*>(memory);
    spread = next;
    mixing = next += e * e;
    transposed = next += e * e;
    d_mixing = next += e * e;
    inverse_degree = next += e * e;
    d_degree = next += e;
  }
};

// 1 / |hyperedge m|; callers do not ask for an empty one.
template <typename Compute>
Compute inverse_size(const HypergraphMixArguments& a, std::int64_t m) {
  return 1 / static_cast<Compute>(a.hyperedge_offsets[m + 1] - a.hyperedge_offsets[m]);
}

// spread = H diag(w / beta) H^T or, where the weights do not enter it, H diag(1 / beta) H^T.
template <typename Compute>
void make_spread(const HypergraphMixArguments& a, const Compute* w, Compute* spread) {
  fill_zero(spread, a.experts * a.experts);
  for (std::int64_t m = 0; m < a.hyperedges; ++m) {
    const std::int64_t *first = a.hyperedge_nodes + a.hyperedge_offsets[m],
                       *last = a.hyperedge_nodes + a.hyperedge_offsets[m + 1];
    if (first == last) continue;
    const Compute share = inverse_size<Compute>(a, m) * (a.weights_in_products ? w[m] : Compute(1));
    for (const std::int64_t* i = first; i != last; ++i) {
      for (const std::int64_t* j = first; j != last; ++j) spread[*i * a.experts + *j] += share;
    }
  }
}

// P of the weights w. The spread is made only where it is not there yet or depends on w.
template <typename Compute>
void make_mixing(const HypergraphMixArguments& a, const Compute* w, bool with_spread,
                 Graph<Compute>& g) {
  const std::int64_t e = a.experts;
  if (with_spread || a.weights_in_products) make_spread(a, w, g.spread);
  for (std::int64_t i = 0; i < e; ++i) {
    Compute degree = 0, size = 0;
    for (std::int64_t k = a.node_offsets[i]; k < a.node_offsets[i + 1]; ++k) {
      degree += w[a.node_hyperedges[k]];
      size += magnitude(w[a.node_hyperedges[k]]);
    }
    // A degree that is rounding noise counts as none; NaN is not noise.
    const bool is_noise = magnitude(degree) <= 8 * kEpsilon<Compute> * size;
    g.inverse_degree[i] = is_noise ? Compute(0) : 1 / degree;
    for (std::int64_t j = 0; j < e; ++j) {
      g.mixing[i * e + j] = g.inverse_degree[i] * g.spread[i * e + j];
    }
  }
}

// d_w += from d_mixing = the gradient of P.
template <typename Compute>
void differentiate_weights(const HypergraphMixArguments& a, Graph<Compute>& g, Compute* d_w) {
  const std::int64_t e = a.experts;
  for (std::int64_t i = 0; i < e; ++i) {
    Compute d_inverse = 0;
    for (std::int64_t j = 0; j < e; ++j) d_inverse += g.d_mixing[i * e + j] * g.spread[i * e + j];
    // Where 1/d is 0 by definition its derivative is 0 too, whatever d_inverse is.
    const Compute inverse = g.inverse_degree[i];
    g.d_degree[i] = inverse == 0 ? Compute(0) : -inverse * inverse * d_inverse;
  }
  for (std::int64_t m = 0; m < a.hyperedges; ++m) {
    const std::int64_t *first = a.hyperedge_nodes + a.hyperedge_offsets[m],
                       *last = a.hyperedge_nodes + a.hyperedge_offsets[m + 1];
    if (first == last) continue;
    Compute degrees = 0, products = 0;
    for (const std::int64_t* i = first; i != last; ++i) {
      degrees += g.d_degree[*i];
      if (!a.weights_in_products) continue;
      Compute row = 0;
      for (const std::int64_t* j = first; j != last; ++j) row += g.d_mixing[*i * e + *j];
      products += g.inverse_degree[*i] * row;
    }
    d_w[m] += degrees + inverse_size<Compute>(a, m) * products;
  }
}

// d_bias += the rows of one token's d_out.
template <typename Scalar, typename Compute>
void add_rows(const Scalar* dy, Compute* d_bias, std::int64_t rows, std::int64_t dim) {
  std::int64_t d = 0;
  for (; d + kLanes<Compute> <= dim; d += kLanes<Compute>) {
    Vector<Compute> sum = load_vector(d_bias + d);
    for (std::int64_t r = 0; r < rows; ++r) sum += load_vector(dy + r * dim + d);
    store_vector(d_bias + d, sum);
  }
  for (; d < dim; ++d) {
    for (std::int64_t r = 0; r < rows; ++r) d_bias[d] += load(dy + r * dim + d);
  }
}

template <typename Scalar>
void forward(const HypergraphMixArguments& a, void* out, void* workspace, std::int64_t begin,
             std::int64_t end) {
  using Compute = typename Traits<Scalar>::Compute;
  Graph<Compute> g(workspace, a.experts);
  const bool stream = a.stream && can_stream(static_cast<const Scalar*>(out), a.dim);
  for (std::int64_t n = begin; n < end; ++n) {
    const Compute* w = static_cast<const Compute*>(a.weights) + n * a.weights_stride;
    if (n == begin || a.weights_stride != 0) make_mixing(a, w, n == begin, g);
    const std::int64_t first = n * a.experts * a.dim;
    multiply(g.mixing, static_cast<const Scalar*>(a.x) + first, static_cast<const Compute*>(a.bias),
             static_cast<Scalar*>(out) + first, a.experts, a.experts, a.dim, stream);
  }
  if (stream) finish_streaming();
}

template <typename Scalar>
void backward(const HypergraphMixArguments& a, const void* d_out,
              const HypergraphMixGradientPointers& d, void* workspace, std::int64_t begin,
              std::int64_t end) {
  using Compute = typename Traits<Scalar>::Compute;
  const std::int64_t e = a.experts;
  const bool shared = a.weights_stride == 0;
  Graph<Compute> g(workspace, e);
  const bool stream = a.stream && can_stream(static_cast<const Scalar*>(d.x), a.dim);
  for (std::int64_t n = begin; n < end; ++n) {
    const std::int64_t first = n * e * a.dim;
    const Scalar* x = static_cast<const Scalar*>(a.x) + first;
    const Scalar* dy = static_cast<const Scalar*>(d_out) + first;
    const Compute* w = static_cast<const Compute*>(a.weights) + n * a.weights_stride;
    if (n == begin || !shared) {
      make_mixing(a, w, n == begin, g);
      transpose(g.mixing, g.transposed, e);
      fill_zero(g.d_mixing, e * e);
    }
    add_outer_product(dy, x, g.d_mixing, e, e, a.dim);
    multiply(g.transposed, dy, static_cast<const Compute*>(nullptr),
             static_cast<Scalar*>(d.x) + first, e, e, a.dim, stream);
    if (d.bias != nullptr) add_rows(dy, static_cast<Compute*>(d.bias), e, a.dim);
    if (!shared) {
      Compute* d_w = static_cast<Compute*>(d.weights) + n * a.hyperedges;
      fill_zero(d_w, a.hyperedges);
      differentiate_weights(a, g, d_w);
    }
  }
  if (stream) finish_streaming();
  if (shared && begin < end) differentiate_weights(a, g, static_cast<Compute*>(d.weights));
}

void forward_any(const HypergraphMixArguments& a, void* out, void* workspace, std::int64_t begin,
                 std::int64_t end) {
  with_scalar(a.type,
              [&](auto scalar) { forward<decltype(scalar)>(a, out, workspace, begin, end); });
}

void backward_any(const HypergraphMixArguments& a, const void* d_out,
                  const HypergraphMixGradientPointers& d, void* workspace, std::int64_t begin,
                  std::int64_t end) {
  with_scalar(a.type,
              [&](auto scalar) { backward<decltype(scalar)>(a, d_out, d, workspace, begin, end); });
}

}  // namespace

extern const HypergraphMixKernels kHypergraphMixKernels{forward_any, backward_any};

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
