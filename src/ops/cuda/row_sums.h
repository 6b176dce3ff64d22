// Rows of D columns, one after the other: who takes which columns, and what all threads of a block
// find in a row, joined.
#pragma once

#include <cmath>

#include "block.h"

namespace hgnn_moe::ops::cuda {

// Calls f(first column, pack) for a thread's packs of columns; dim is a multiple of Lanes. The same
// columns belong to the same thread in every phase and every row.
template <int Lanes, typename F>
HGNN_MOE_HOST_DEVICE void for_columns(std::int64_t dim, Thread t, const F& f) {
  for (std::int64_t d = static_cast<std::int64_t>(t.index) * Lanes; d < dim;
       d += static_cast<std::int64_t>(t.count) * Lanes) {
    f(d);
  }
}

template <int Lanes, typename Scalar>
HGNN_MOE_HOST_DEVICE void load(const Scalar* from, ComputeOf<Scalar> (&to)[Lanes]) {
  const auto pack = *reinterpret_cast<const Pack<Scalar, Lanes>*>(from);
  HGNN_MOE_UNROLL
  for (int l = 0; l < Lanes; ++l) to[l] = value(pack.lane[l]);
}

template <int Lanes, typename Scalar>
HGNN_MOE_HOST_DEVICE void store(Scalar* to, const ComputeOf<Scalar> (&from)[Lanes]) {
  Pack<Scalar, Lanes> pack;
  HGNN_MOE_UNROLL
  for (int l = 0; l < Lanes; ++l) assign(pack.lane[l], from[l]);
  *reinterpret_cast<Pack<Scalar, Lanes>*>(to) = pack;
}

struct Sum {
  template <typename Compute>
  HGNN_MOE_HOST_DEVICE static Compute start() {
    return 0;
  }
  template <typename Compute>
  HGNN_MOE_HOST_DEVICE static Compute join(Compute a, Compute b) {
    return a + b;
  }
};

struct Maximum {
  template <typename Compute>
  HGNN_MOE_HOST_DEVICE static Compute start() {
    return -static_cast<Compute>(INFINITY);
  }
  // NaN stays.
  template <typename Compute>
  HGNN_MOE_HOST_DEVICE static Compute join(Compute a, Compute b) {
    return a > b || a != a ? a : b;
  }
};

// What all threads have, joined in three steps with a phase between each: add() by every thread,
// combine(), then total() by any.
template <typename Compute, int Values, typename Join>
class RowReduction {
 public:
  HGNN_MOE_HOST_DEVICE RowReduction(Arena<Compute>& arena, int threads)
      : threads_(threads),
        partial_(arena.take(static_cast<std::int64_t>(Values) * threads)),
        parts_(arena.take(static_cast<std::int64_t>(Values) * kParts)) {}

  HGNN_MOE_HOST_DEVICE void add(int which, Thread t, Compute x) const {
    partial_[which * threads_ + t.index] = x;
  }

  HGNN_MOE_HOST_DEVICE void combine(Thread t) const {
    for (int p = t.index; p < Values * kParts; p += t.count) {
      const Compute* of_threads = partial_ + (p / kParts) * threads_;
      Compute joined = Join::template start<Compute>();
      for (int i = p % kParts; i < threads_; i += kParts) {
        joined = Join::join(joined, of_threads[i]);
      }
      parts_[p] = joined;
    }
  }

  HGNN_MOE_HOST_DEVICE Compute total(int which) const {
    Compute joined = Join::template start<Compute>();
    for (int i = 0; i < kParts; ++i) joined = Join::join(joined, parts_[which * kParts + i]);
    return joined;
  }

 private:
  static constexpr int kParts = 16;

  int threads_;
  Compute *partial_, *parts_;
};

template <typename Compute, int Values>
using RowSums = RowReduction<Compute, Values, Sum>;

// Units of work of E experts with N tokens each, expert after expert, each in whole blocks: so that
// a block sums over tokens of one expert.
struct ExpertTokens {
  int experts;
  std::int64_t tokens, chunk;

  HGNN_MOE_HOST_DEVICE std::int64_t blocks() const { return (tokens + chunk - 1) / chunk; }
  HGNN_MOE_HOST_DEVICE std::int64_t units() const { return experts * blocks() * chunk; }
  HGNN_MOE_HOST_DEVICE int expert(std::int64_t unit) const {
    return static_cast<int>(unit / (blocks() * chunk));
  }
  // May be past the last token.
  HGNN_MOE_HOST_DEVICE std::int64_t token(std::int64_t unit) const {
    return unit % (blocks() * chunk);
  }
  // Of tensors [N, E, ...].
  HGNN_MOE_HOST_DEVICE std::int64_t row(std::int64_t unit) const {
    return token(unit) * experts + expert(unit);
  }
};

}  // namespace hgnn_moe::ops::cuda
