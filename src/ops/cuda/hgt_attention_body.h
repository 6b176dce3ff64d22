// hgt_attention over the edges of one relation: one row, with all its edges, is a token of block.h,
// and the edges are taken in tiles that all threads of the block share. Keys and values are
// projected beforehand.
#pragma once

#include <cmath>

#include "block.h"
#include "exponential.h"

namespace hgnn_moe::ops::cuda {

inline constexpr int kEdgesAtOnce = 32;

// One side of the relation's edges, see HgtEdges.
struct EdgeList {
  const std::int32_t* rows;
  const std::int32_t* offsets;
  const std::int32_t* neighbours;

  HGNN_MOE_HOST_DEVICE int tiles(std::int64_t n) const {
    return (offsets[n + 1] - offsets[n] + kEdgesAtOnce - 1) / kEdgesAtOnce;
  }
  HGNN_MOE_HOST_DEVICE std::int64_t first_edge(std::int64_t n, int tile) const {
    return offsets[n] + static_cast<std::int64_t>(tile) * kEdgesAtOnce;
  }
  HGNN_MOE_HOST_DEVICE int edges_of_tile(std::int64_t n, int tile) const {
    const std::int64_t rest = offsets[n + 1] - first_edge(n, tile);
    return static_cast<int>(rest < kEdgesAtOnce ? rest : kEdgesAtOnce);
  }
};

template <typename Compute>
HGNN_MOE_HOST_DEVICE Compute dot(const Compute* x, const Compute* y, int dim) {
  Compute sum = 0;
  for (int d = 0; d < dim; ++d) sum += x[d] * y[d];
  return sum;
}

template <typename Compute>
struct HgtAttendArguments {
  int heads, dim;
  EdgeList destinations;
  const Compute* query;  // [N, H, d], by row
  const Compute* key;    // [n, H, d] of the relation's sources, projected, by position
  const Compute* value;
  const Compute* scale;  // [H]
  Compute *maximum, *sum,
      *total;  // the state of all destinations, by row: [N, H], [N, H], [N, H, d]
};

// Takes a relation's edges into the state of every destination that has some.
template <typename ScalarType>
struct HgtAttendBody {
  using Scalar = ScalarType;
  using Compute = ScalarType;
  using Arguments = HgtAttendArguments<Compute>;
  static constexpr int kPhasesOfTile = 4;

  Arguments a;
  Arena<Compute> arena;
  Compute* scores;                              // [kEdgesAtOnce, H]
  Compute *maximum, *sum, *correction, *total;  // of the row: [H], [H], [H], [H, d]

  HGNN_MOE_HOST_DEVICE HgtAttendBody(const Arguments& arguments, void* shared, int)
      : a(arguments),
        arena(shared),
        scores(arena.take(kEdgesAtOnce * a.heads)),
        maximum(arena.take(a.heads)),
        sum(arena.take(a.heads)),
        correction(arena.take(a.heads)),
        total(arena.take(static_cast<std::int64_t>(a.heads) * a.dim)) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return HgtAttendBody(a, nullptr, threads).arena.used();
  }

  // An empty row; the tiles; the totals of the state, then its maximum and sum.
  HGNN_MOE_HOST_DEVICE int phases(std::int64_t n) const {
    return 1 + kPhasesOfTile * a.destinations.tiles(n) + 2;
  }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t n, bool, Thread t) const {
    if (phase == 0) return clear(t);
    const int step = phase - 1, tile = step / kPhasesOfTile;
    if (tile < a.destinations.tiles(n)) return run_tile(step % kPhasesOfTile, n, tile, t);
    const bool is_last = step - kPhasesOfTile * a.destinations.tiles(n) == 1;
    const std::int64_t row = a.destinations.rows[n];
    is_last ? merge_sums(row, t) : merge_total(row, t);
  }

 private:
  HGNN_MOE_HOST_DEVICE void clear(Thread t) const {
    for (int h = t.index; h < a.heads; h += t.count) {
      maximum[h] = -static_cast<Compute>(INFINITY);
      sum[h] = 0;
    }
    for (int f = t.index; f < a.heads * a.dim; f += t.count) total[f] = 0;
  }

  HGNN_MOE_HOST_DEVICE void run_tile(int phase, std::int64_t n, int tile, Thread t) const {
    const std::int32_t* sources = a.destinations.neighbours + a.destinations.first_edge(n, tile);
    const int edges = a.destinations.edges_of_tile(n, tile);
    if (phase == 0) return score(sources, edges, a.destinations.rows[n], t);
    if (phase == 1) return raise_maximum(edges, t);
    if (phase == 2) {
      for (int p = t.index; p < edges * a.heads; p += t.count) {
        scores[p] = exponential(scores[p] - maximum[p % a.heads]);
      }
      return;
    }
    add_values(sources, edges, t);
  }

  HGNN_MOE_HOST_DEVICE void score(const std::int32_t* sources, int edges, std::int64_t row,
                                  Thread t) const {
    const std::int64_t features = static_cast<std::int64_t>(a.heads) * a.dim;
    for (int p = t.index; p < edges * a.heads; p += t.count) {
      const int h = p % a.heads;
      scores[p] = a.scale[h] * dot(a.query + row * features + h * a.dim,
                                   a.key + sources[p / a.heads] * features + h * a.dim, a.dim);
    }
  }

  HGNN_MOE_HOST_DEVICE void raise_maximum(int edges, Thread t) const {
    for (int h = t.index; h < a.heads; h += t.count) {
      Compute largest = maximum[h];
      for (int e = 0; e < edges; ++e) {
        const Compute s = scores[e * a.heads + h];
        if (s > largest) largest = s;
      }
      correction[h] = exponential(maximum[h] - largest);
      maximum[h] = largest;
    }
  }

  HGNN_MOE_HOST_DEVICE void add_values(const std::int32_t* sources, int edges, Thread t) const {
    const int features = a.heads * a.dim;
    for (int f = t.index; f < features; f += t.count) {
      const int h = f / a.dim;
      Compute result = total[f] * correction[h];
      for (int e = 0; e < edges; ++e) {
        result +=
            scores[e * a.heads + h] * a.value[static_cast<std::int64_t>(sources[e]) * features + f];
      }
      total[f] = result;
    }
    for (int h = t.index; h < a.heads; h += t.count) {
      Compute result = sum[h] * correction[h];
      for (int e = 0; e < edges; ++e) result += scores[e * a.heads + h];
      sum[h] = result;
    }
  }

  // What the sums so far and those of this row are multiplied by.
  struct Factors {
    Compute joint, before, now;
  };
  HGNN_MOE_HOST_DEVICE Factors factors(std::int64_t row, int h) const {
    const Compute before = a.maximum[row * a.heads + h], now = maximum[h];
    const Compute joint = now > before ? now : before;
    return {joint, exponential(before - joint), exponential(now - joint)};
  }

  HGNN_MOE_HOST_DEVICE void merge_total(std::int64_t row, Thread t) const {
    const int features = a.heads * a.dim;
    for (int f = t.index; f < features; f += t.count) {
      const Factors k = factors(row, f / a.dim);
      Compute& state = a.total[row * features + f];
      state = state * k.before + total[f] * k.now;
    }
  }

  HGNN_MOE_HOST_DEVICE void merge_sums(std::int64_t row, Thread t) const {
    for (int h = t.index; h < a.heads; h += t.count) {
      const Factors k = factors(row, h);
      Compute& state = a.sum[row * a.heads + h];
      state = state * k.before + sum[h] * k.now;
      a.maximum[row * a.heads + h] = k.joint;
    }
  }
};

template <typename Compute>
struct HgtGradientArguments {
  int heads, dim;
  EdgeList list;
  bool rows_are_destinations;  // whose vectors stand by row, those of sources by position
  const Compute *own_score, *own_message;
  const std::int32_t* neighbour_rows;
  const Compute *neighbour_score, *neighbour_message;
  const Compute* scale;                // [H]
  const Compute *log_sum_exp, *delta;  // [N, H] of destinations, by row
  Compute *d_score, *d_message;        // [n, H, d] of the rows, by position; not yet scaled
};

// Sums over the edges of each row: gradients of scores times the neighbours' score vectors (key or
// query), and probabilities times their messages (value, or the output's gradient).
template <typename ScalarType>
struct HgtGradientBody {
  using Scalar = ScalarType;
  using Compute = ScalarType;
  using Arguments = HgtGradientArguments<Compute>;
  static constexpr int kPhasesOfTile = 2;

  Arguments a;
  Arena<Compute> arena;
  Compute *probabilities, *d_scores;  // [kEdgesAtOnce, H]
  Compute *score_sum, *message_sum;   // [H, d]

  HGNN_MOE_HOST_DEVICE HgtGradientBody(const Arguments& arguments, void* shared, int)
      : a(arguments),
        arena(shared),
        probabilities(arena.take(kEdgesAtOnce * a.heads)),
        d_scores(arena.take(kEdgesAtOnce * a.heads)),
        score_sum(arena.take(static_cast<std::int64_t>(a.heads) * a.dim)),
        message_sum(arena.take(static_cast<std::int64_t>(a.heads) * a.dim)) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return HgtGradientBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases(std::int64_t n) const {
    return 1 + kPhasesOfTile * a.list.tiles(n) + 1;
  }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t n, bool, Thread t) const {
    const int features = a.heads * a.dim;
    const int step = phase - 1, tile = step / kPhasesOfTile;
    if (phase == 0) {
      for (int f = t.index; f < features; f += t.count) score_sum[f] = message_sum[f] = 0;
    } else if (tile < a.list.tiles(n)) {
      const std::int32_t* neighbours = a.list.neighbours + a.list.first_edge(n, tile);
      const int edges = a.list.edges_of_tile(n, tile);
      step % kPhasesOfTile == 0 ? differentiate(n, neighbours, edges, t)
                                : add_vectors(neighbours, edges, t);
    } else {
      for (int f = t.index; f < features; f += t.count) {
        a.d_score[n * features + f] = score_sum[f];
        a.d_message[n * features + f] = message_sum[f];
      }
    }
  }

 private:
  HGNN_MOE_HOST_DEVICE std::int64_t own_row(std::int64_t n) const {
    return a.rows_are_destinations ? a.list.rows[n] : n;
  }
  HGNN_MOE_HOST_DEVICE std::int64_t neighbour_row(std::int32_t position) const {
    return a.rows_are_destinations ? position : a.neighbour_rows[position];
  }

  HGNN_MOE_HOST_DEVICE void differentiate(std::int64_t n, const std::int32_t* neighbours, int edges,
                                          Thread t) const {
    const std::int64_t features = static_cast<std::int64_t>(a.heads) * a.dim;
    for (int p = t.index; p < edges * a.heads; p += t.count) {
      const int h = p % a.heads;
      const std::int64_t other_row = neighbour_row(neighbours[p / a.heads]);
      const std::int64_t own = own_row(n) * features + h * a.dim;
      const std::int64_t other = other_row * features + h * a.dim;
      const std::int64_t destination =
          (a.rows_are_destinations ? own_row(n) : other_row) * a.heads + h;
      const Compute product = dot(a.own_score + own, a.neighbour_score + other, a.dim);
      const Compute gain = dot(a.own_message + own, a.neighbour_message + other, a.dim);
      // A score beyond 1e7 may be rounded to more than its log-sum-exp.
      const Compute exponent = a.scale[h] * product - a.log_sum_exp[destination];
      probabilities[p] = exponential(exponent > 0 ? Compute(0) : exponent);
      d_scores[p] = probabilities[p] * (gain - a.delta[destination]);
    }
  }

  HGNN_MOE_HOST_DEVICE void add_vectors(const std::int32_t* neighbours, int edges, Thread t) const {
    const int features = a.heads * a.dim;
    for (int f = t.index; f < features; f += t.count) {
      const int h = f / a.dim;
      Compute score = score_sum[f], message = message_sum[f];
      for (int e = 0; e < edges; ++e) {
        const std::int64_t other = neighbour_row(neighbours[e]) * features + f;
        score += d_scores[e * a.heads + h] * a.neighbour_score[other];
        message += probabilities[e * a.heads + h] * a.neighbour_message[other];
      }
      score_sum[f] = score;
      message_sum[f] = message;
    }
  }
};

}  // namespace hgnn_moe::ops::cuda
