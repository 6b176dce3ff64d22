// Attention over the edges of one relation, chunk of nodes by chunk. An edge costs two dot products
// and a sum in registers and the reading of its neighbour's two vectors, which is asked for a few
// edges ahead; nothing is kept of it.
#include "hgt_attention_kernel.h"

#include "hgt_heads.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

namespace {

template <typename Compute>
constexpr Compute kInfinity = static_cast<Compute>(__builtin_inf());

// The edges of a row that lead to positions of the tile: [begin, end) of list.neighbours.
struct EdgeRange {
  std::int64_t begin, end;
};

// The first edge in the range, whose neighbours ascend, to a position of at least `position`.
inline std::int64_t first_edge_at(const std::int32_t* neighbours, EdgeRange range,
                                  std::int32_t position) {
  while (range.begin < range.end) {
    const std::int64_t middle = range.begin + (range.end - range.begin) / 2;
    if (neighbours[middle] < position) {
      range.begin = middle + 1;
    } else {
      range.end = middle;
    }
  }
  return range.begin;
}

inline EdgeRange edges_of_row(const HgtList& list, const HgtNeighbours& neighbours,
                              std::int64_t i) {
  EdgeRange range{list.offsets[i], list.offsets[i + 1]};
  range.begin = first_edge_at(list.neighbours, range, neighbours.begin);
  range.end = first_edge_at(list.neighbours, range, neighbours.end);
  return range;
}

// The neighbours' vectors, edge by edge of the list.
template <typename Compute>
struct EdgeVectors {
  EdgeVectors(const HgtList& list, const HgtNeighbours& n, std::int64_t features)
      : neighbours(list.neighbours),
        rows(n.by_position ? nullptr : n.rows),
        begin(n.begin),
        last(list.offsets[list.count]),
        features(features),
        scores(static_cast<const Compute*>(n.vectors.score)),
        messages(static_cast<const Compute*>(n.vectors.message)) {}

  std::int64_t row(std::int64_t edge) const {
    const std::int32_t position = neighbours[edge];
    return rows != nullptr ? rows[position] : position - begin;
  }
  const Compute* score(std::int64_t edge) const { return scores + row(edge) * features; }
  const Compute* message(std::int64_t edge) const { return messages + row(edge) * features; }
  // Of an edge that is a few further, which may be one of the next row. An address outside of the
  // tile does no harm.
  void prefetch(std::int64_t edge) const {
    if (edge >= last) return;
    prefetch_row(score(edge), features);
    prefetch_row(message(edge), features);
  }

  const std::int32_t *neighbours, *rows;
  std::int32_t begin;
  std::int64_t last, features;
  const Compute *scores, *messages;
};

template <typename Compute, typename Dim>
void project(const HgtWorkspace<Compute, Dim>& w, const void* in, const std::int32_t* rows,
             std::int64_t count, const void* matrix, void* result) {
  auto* const out = static_cast<Compute*>(result);
  const std::int64_t padded = round_up(count, kProductRows);
  gather(w, static_cast<const Compute*>(in), rows, count, w.tiles[0]);
  multiply_heads(w, w.tiles[0], padded, static_cast<const Compute*>(matrix), out);
  fill_zero(out + padded * w.features, (kHgtChunkRows - padded) * w.features);
}

// w.scores [count, H] = exp(scale <query, key> - maximum) of edges first to first + count, with the
// maximum of these and of those before in w.new_maximum.
template <typename Compute, typename Dim>
void exponentials_of_scores(const HgtWorkspace<Compute, Dim>& w, const EdgeVectors<Compute>& edges,
                            const Compute* query, const Compute* scale, const Compute* maximum,
                            std::int64_t first, std::int64_t count) {
  const auto score_of = [&](std::int64_t e) {
    edges.prefetch(first + e + kEdgesAhead);
    return edges.score(first + e);
  };
  dots_of_edges(query, score_of, count, w.heads, w.dim, w.scores);
  for (std::int64_t h = 0; h < w.heads; ++h) w.new_maximum[h] = maximum[h];
  for (std::int64_t e = 0; e < count; ++e) {
    Compute* const of_edge = w.scores + e * w.heads;
    for (std::int64_t h = 0; h < w.heads; ++h) {
      of_edge[h] *= scale[h];
      w.new_maximum[h] = of_edge[h] > w.new_maximum[h] ? of_edge[h] : w.new_maximum[h];
    }
  }
  for (std::int64_t e = 0; e < count; ++e) {
    for (std::int64_t h = 0; h < w.heads; ++h) w.scores[e * w.heads + h] -= w.new_maximum[h];
  }
  exponentials(w.scores, count * w.heads);
}

// The softmax of one row over a range of edges, from nothing: maximum and sum [H], total [H, d].
template <typename Compute, typename Dim>
void attend_row(const HgtWorkspace<Compute, Dim>& w, const EdgeVectors<Compute>& edges,
                EdgeRange range, const Compute* query, const Compute* scale, Compute* maximum,
                Compute* sum, Compute* total) {
  for (std::int64_t h = 0; h < w.heads; ++h) maximum[h] = -kInfinity<Compute>;
  fill_zero(sum, w.heads);
  fill_zero(total, w.features);
  for (std::int64_t first = range.begin; first < range.end; first += kEdgesAtOnce) {
    const std::int64_t rest = range.end - first;
    const std::int64_t count = rest < kEdgesAtOnce ? rest : kEdgesAtOnce;
    exponentials_of_scores(w, edges, query, scale, maximum, first, count);
    if (first > range.begin) {
      for (std::int64_t h = 0; h < w.heads; ++h) w.correction[h] = maximum[h] - w.new_maximum[h];
      exponentials(w.correction, w.heads);
      scale_heads(w.correction, w.heads, w.dim, total);
      for (std::int64_t h = 0; h < w.heads; ++h) sum[h] *= w.correction[h];
    }
    for (std::int64_t h = 0; h < w.heads; ++h) maximum[h] = w.new_maximum[h];
    for (std::int64_t e = 0; e < count; ++e) {
      for (std::int64_t h = 0; h < w.heads; ++h) sum[h] += w.scores[e * w.heads + h];
    }
    add_edges(
        w.scores, [&](std::int64_t e) { return edges.message(first + e); }, count, w.heads, w.dim,
        total);
  }
}

// Joins a row's softmax over some edges with that over others in the state.
template <typename Compute, typename Dim>
void merge_row(const HgtWorkspace<Compute, Dim>& w, const Compute* maximum, const Compute* sum,
               const Compute* total, const HgtState& state, std::int64_t row) {
  auto* const state_maximum = static_cast<Compute*>(state.maximum) + row * w.heads;
  auto* const state_sum = static_cast<Compute*>(state.sum) + row * w.heads;
  auto* const state_total = static_cast<Compute*>(state.total) + row * w.features;
  Compute *const old_factor = w.correction, *const new_factor = w.new_maximum;
  for (std::int64_t h = 0; h < w.heads; ++h) {
    const Compute joint = maximum[h] > state_maximum[h] ? maximum[h] : state_maximum[h];
    old_factor[h] = state_maximum[h] - joint;
    new_factor[h] = maximum[h] - joint;
    state_maximum[h] = joint;
  }
  exponentials(old_factor, w.heads);
  exponentials(new_factor, w.heads);
  for (std::int64_t h = 0; h < w.heads; ++h) {
    state_sum[h] = state_sum[h] * old_factor[h] + sum[h] * new_factor[h];
  }
  scale_heads(old_factor, w.heads, w.dim, state_total);
  add_scaled_heads(new_factor, total, w.heads, w.dim, state_total);
}

template <typename Compute, typename Dim>
void attend(const HgtAttend& a, const HgtWorkspace<Compute, Dim>& w, std::int64_t begin,
            std::int64_t end) {
  const EdgeVectors<Compute> edges(a.destinations, a.sources, w.features);
  const auto* const query = static_cast<const Compute*>(a.query);
  const auto* const scale = static_cast<const Compute*>(a.scale);
  const std::int32_t* const rows = a.destinations.rows + begin;
  const std::int64_t count = end - begin, padded = round_up(count, kProductRows);
  const bool projects = a.query_matrix != nullptr;
  Compute *const queries = w.tiles[1], *const totals = w.tiles[2];
  if (projects) {
    gather(w, query, rows, count, w.tiles[0]);
    multiply_heads(w, w.tiles[0], padded, static_cast<const Compute*>(a.query_matrix), queries);
  }
  for (std::int64_t r = 0; r < count; ++r) {
    const Compute* own = projects ? queries + r * w.features : query + rows[r] * w.features;
    attend_row(w, edges, edges_of_row(a.destinations, a.sources, begin + r), own, scale,
               w.maximum + r * w.heads, w.sum + r * w.heads, totals + r * w.features);
  }
  const Compute* results = totals;
  if (projects) {
    fill_zero(totals + count * w.features, (padded - count) * w.features);
    multiply_heads(w, totals, padded, static_cast<const Compute*>(a.output_matrix), w.tiles[3]);
    results = w.tiles[3];
  }
  for (std::int64_t r = 0; r < count; ++r) {
    if (w.sum[r * w.heads] == 0) continue;  // no edge in the tile
    merge_row(w, w.maximum + r * w.heads, w.sum + r * w.heads, results + r * w.features, a.state,
              rows[r]);
  }
}

template <typename Compute>
void finish(const HgtShape& shape, const HgtState& state, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin * shape.heads; i < end * shape.heads; ++i) {
    const Compute sum = static_cast<Compute*>(state.sum)[i];
    if (sum == 0) continue;  // a node without an edge keeps 0
    const Compute factor = 1 / sum;
    static_cast<Compute*>(state.maximum)[i] += logarithm(sum);
    scale_heads(&factor, 1, shape.dim, static_cast<Compute*>(state.total) + i * shape.dim);
  }
}

template <typename Compute>
void dot_heads(const HgtShape& shape, const Compute* d_out, const Compute* out, Compute* delta,
               std::int64_t begin, std::int64_t end) {
  const std::int64_t features = shape.heads * shape.dim;
  for (std::int64_t n = begin; n < end; ++n) {
    dot_of_heads(d_out + n * features, out + n * features, shape.heads, shape.dim,
                 delta + n * shape.heads);
  }
}

// Of `count` edges from `first` on: w.exponents [count, H] = probabilities, w.scores [count, H] =
// gradients of the scaled scores. `own_row` is the row's in the tensors of its side.
template <typename Compute, typename Dim>
void differentiate_edges(const HgtDifferentiate& a, const HgtWorkspace<Compute, Dim>& w,
                         const EdgeVectors<Compute>& edges, const Compute* own_score,
                         const Compute* own_message, std::int64_t own_row, std::int64_t first,
                         std::int64_t count) {
  const auto* const scale = static_cast<const Compute*>(a.scale);
  const auto* const log_sum_exp = static_cast<const Compute*>(a.softmax.log_sum_exp);
  const auto* const delta = static_cast<const Compute*>(a.softmax.delta);
  const auto destination = [&](std::int64_t edge) {
    if (a.rows_are_destinations) return own_row;
    return static_cast<std::int64_t>(a.neighbours.rows[edges.neighbours[edge]]);
  };
  const auto score_of = [&](std::int64_t e) {
    edges.prefetch(first + e + kEdgesAhead);
    return edges.score(first + e);
  };
  const auto message_of = [&](std::int64_t e) { return edges.message(first + e); };
  dots_of_edges(own_score, score_of, count, w.heads, w.dim, w.scores);
  dots_of_edges(own_message, message_of, count, w.heads, w.dim, w.products);
  // Rounded before the next loop subtracts, as it was in the forward pass: of a score of 1e10 one
  // instruction for both would give another one, far above the log-sum-exp.
  for (std::int64_t e = 0; e < count; ++e) {
    for (std::int64_t h = 0; h < w.heads; ++h) {
      w.exponents[e * w.heads + h] = w.scores[e * w.heads + h] * scale[h];
    }
  }
  for (std::int64_t e = 0; e < count; ++e) {
    const std::int64_t row = destination(first + e) * w.heads;
    for (std::int64_t h = 0; h < w.heads; ++h) {
      const std::int64_t i = e * w.heads + h;
      const Compute exponent = w.exponents[i] - log_sum_exp[row + h];
      w.exponents[i] = exponent > 0 ? 0 : exponent;  // a probability is at most 1
      w.products[i] -= delta[row + h];
    }
  }
  exponentials(w.exponents, count * w.heads);
  for (std::int64_t i = 0; i < count * w.heads; ++i) {
    w.scores[i] = w.exponents[i] * w.products[i];
  }
}

// The sums over a row's edges of the scores' gradients times the neighbours' score vectors, not yet
// scaled, and, unless d_message is null, of the probabilities times their messages; [H, d] each.
template <typename Compute, typename Dim>
void differentiate_row(const HgtDifferentiate& a, const HgtWorkspace<Compute, Dim>& w,
                       const EdgeVectors<Compute>& edges, EdgeRange range, const Compute* own_score,
                       const Compute* own_message, std::int64_t own_row, Compute* d_score,
                       Compute* d_message) {
  fill_zero(d_score, w.features);
  if (d_message != nullptr) fill_zero(d_message, w.features);
  for (std::int64_t first = range.begin; first < range.end; first += kEdgesAtOnce) {
    const std::int64_t rest = range.end - first;
    const std::int64_t count = rest < kEdgesAtOnce ? rest : kEdgesAtOnce;
    differentiate_edges(a, w, edges, own_score, own_message, own_row, first, count);
    add_edges(
        w.scores, [&](std::int64_t e) { return edges.score(first + e); }, count, w.heads, w.dim,
        d_score);
    if (d_message == nullptr) continue;
    add_edges(
        w.exponents, [&](std::int64_t e) { return edges.message(first + e); }, count, w.heads,
        w.dim, d_message);
  }
}

template <typename Compute, typename Dim>
void differentiate(const HgtDifferentiate& a, const HgtWorkspace<Compute, Dim>& w,
                   std::int64_t begin, std::int64_t end) {
  const EdgeVectors<Compute> edges(a.list, a.neighbours, w.features);
  const auto* const scores = static_cast<const Compute*>(a.own.score);
  const auto* const messages = static_cast<const Compute*>(a.own.message);
  Compute* const d_score = w.tiles[0];
  Compute* const d_message = a.d_message != nullptr ? w.tiles[1] : nullptr;
  for (std::int64_t i = begin; i < end; ++i) {
    const EdgeRange range = edges_of_row(a.list, a.neighbours, i);
    if (range.begin == range.end) continue;
    const std::int64_t row = a.list.rows[i];
    differentiate_row(a, w, edges, range, scores + row * w.features, messages + row * w.features,
                      row, d_score, d_message);
    add_scaled_heads(static_cast<const Compute*>(a.scale), d_score, w.heads, w.dim,
                     static_cast<Compute*>(a.d_score) + row * w.features);
    if (d_message != nullptr) {
      scatter_add(w, d_message, a.list.rows + i, 1, static_cast<Compute*>(a.d_message));
    }
  }
}

template <typename Compute, typename Dim>
void differentiate_projected(const HgtDifferentiate& a, const HgtProjected& p,
                             const HgtWorkspace<Compute, Dim>& w, std::int64_t begin,
                             std::int64_t end) {
  const EdgeVectors<Compute> edges(a.list, a.neighbours, w.features);
  const auto* const scale = static_cast<const Compute*>(a.scale);
  const std::int32_t* const rows = a.list.rows + begin;
  const std::int64_t count = end - begin, padded = round_up(count, kProductRows);
  Compute *const d_scores = w.tiles[0], *const d_messages = w.tiles[1], *const inputs = w.tiles[2];
  auto* const d_scale = static_cast<Compute*>(p.d_scale);
  for (std::int64_t r = 0; r < count; ++r) {
    const std::int64_t own = (begin + r - p.first) * w.features;
    const Compute* own_score = static_cast<const Compute*>(a.own.score) + own;
    Compute* const d_score = d_scores + r * w.features;
    differentiate_row(a, w, edges, edges_of_row(a.list, a.neighbours, begin + r), own_score,
                      static_cast<const Compute*>(a.own.message) + own, rows[r], d_score,
                      d_messages + r * w.features);
    dot_of_heads(own_score, d_score, w.heads, w.dim, w.correction);
    for (std::int64_t h = 0; h < w.heads; ++h) d_scale[h] += w.correction[h];
    scale_heads(scale, w.heads, w.dim, d_score);
  }
  fill_zero(d_scores + count * w.features, (padded - count) * w.features);
  fill_zero(d_messages + count * w.features, (padded - count) * w.features);

  gather(w, static_cast<const Compute*>(p.inputs.score), rows, count, inputs);
  add_products_of_heads(w, inputs, d_scores, count, static_cast<Compute*>(p.d_score_matrix));
  gather(w, static_cast<const Compute*>(p.inputs.message), rows, count, inputs);
  add_products_of_heads(w, inputs, d_messages, count, static_cast<Compute*>(p.d_message_matrix));

  Compute* const d_inputs = w.tiles[3];
  multiply_heads(w, d_scores, padded, static_cast<const Compute*>(p.score_matrix), d_inputs);
  scatter_add(w, d_inputs, rows, count, static_cast<Compute*>(a.d_score));
  if (a.d_message == nullptr) return;
  multiply_heads(w, d_messages, padded, static_cast<const Compute*>(p.message_matrix), d_inputs);
  scatter_add(w, d_inputs, rows, count, static_cast<Compute*>(a.d_message));
}

// Calls f with a value of the type; bfloat16 is not served.
template <typename F>
void with_compute(KernelType type, F f) {
  if (type == KernelType::float64) return f(double{});
  f(float{});
}

template <typename F>
void with_workspace(const HgtShape& shape, void* memory, F f) {
  if (shape.type == KernelType::float64)
    return f(HgtWorkspace<double, std::int64_t>(shape, memory));
  if (shape.dim == 16) return f(HgtWorkspace<float, FixedDim<16>>(shape, memory));
  if (shape.dim == 32) return f(HgtWorkspace<float, FixedDim<32>>(shape, memory));
  if (shape.dim == 64) return f(HgtWorkspace<float, FixedDim<64>>(shape, memory));
  f(HgtWorkspace<float, std::int64_t>(shape, memory));
}

void project_any(const HgtShape& shape, const void* in, const std::int32_t* rows,
                 std::int64_t count, const void* matrix, void* out, void* workspace) {
  with_workspace(shape, workspace,
                 [&](const auto& w) { project(w, in, rows, count, matrix, out); });
}

void attend_any(const HgtAttend& a, void* workspace, std::int64_t begin, std::int64_t end) {
  with_workspace(a.shape, workspace, [&](const auto& w) { attend(a, w, begin, end); });
}

void finish_any(const HgtShape& shape, const HgtState& state, std::int64_t begin,
                std::int64_t end) {
  with_compute(shape.type,
               [&](auto compute) { finish<decltype(compute)>(shape, state, begin, end); });
}

void dot_heads_any(const HgtShape& shape, const void* d_out, const void* out, void* delta,
                   std::int64_t begin, std::int64_t end) {
  with_compute(shape.type, [&](auto compute) {
    using Compute = decltype(compute);
    dot_heads(shape, static_cast<const Compute*>(d_out), static_cast<const Compute*>(out),
              static_cast<Compute*>(delta), begin, end);
  });
}

void differentiate_any(const HgtDifferentiate& a, void* workspace, std::int64_t begin,
                       std::int64_t end) {
  with_workspace(a.shape, workspace, [&](const auto& w) { differentiate(a, w, begin, end); });
}

void differentiate_projected_any(const HgtDifferentiate& a, const HgtProjected& p, void* workspace,
                                 std::int64_t begin, std::int64_t end) {
  with_workspace(a.shape, workspace,
                 [&](const auto& w) { differentiate_projected(a, p, w, begin, end); });
}

}  // namespace

extern const HgtAttentionKernels kHgtAttentionKernels{
    project_any,   attend_any,        finish_any,
    dot_heads_any, differentiate_any, differentiate_projected_any};

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
