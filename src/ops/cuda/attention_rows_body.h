// attention_rows and its gradient (see attention_rows.h), a row of scores at a time.
#pragma once

#include "dropout_words.h"
#include "exponential.h"
#include "row_sums.h"

namespace hgnn_moe::ops::cuda {

template <typename Scalar>
struct AttentionRowsArguments {
  using Compute = ComputeOf<Scalar>;

  std::int64_t heads, batch, length;
  Compute scale;
  const std::uint64_t* keys;    // [E]
  const std::int64_t* samples;  // [B]
  std::uint32_t threshold;
  Compute kept_scale;
  const Compute* scores;  // [E, A, B, T, T]
  Compute* log_sum_exp;   // [E, A, B, T]: written forward, read backward
  Scalar* kept;
  // Of the backward pass.
  const Compute* d_kept;
  Scalar* d_scores;
};

// Row t of matrix h; keys up to t count.
template <typename Scalar, int Lanes>
struct AttentionRow {
  using Compute = ComputeOf<Scalar>;

  const AttentionRowsArguments<Scalar>& a;
  std::int64_t first, t;  // of its scores
  std::uint64_t key;
  RowCounters counters;

  HGNN_MOE_HOST_DEVICE AttentionRow(const AttentionRowsArguments<Scalar>& a, std::int64_t row)
      : a(a), first(row * a.length), t(row % a.length) {
    const std::int64_t h = row / a.length;
    key = a.keys[h / (a.heads * a.batch)];
    counters = {t, a.samples[h % a.batch], h / a.batch % a.heads};
  }

  // f(first column, its scaled scores) of the packs that hold a key that counts.
  template <typename F>
  HGNN_MOE_HOST_DEVICE void for_scores(Thread thread, const F& f) const {
    for_columns<Lanes>(t + 1, thread, [&](std::int64_t d) {
      Compute s[Lanes];
      load<Lanes>(a.scores + first + d, s);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) s[l] *= a.scale;
      f(d, s);
    });
  }

  // 0 or 1 / (1 - rate).
  HGNN_MOE_HOST_DEVICE void factors(std::int64_t d, Compute (&factor)[Lanes]) const {
    bool kept[Lanes];
    draw_kept<Lanes>(key, counters, d, a.threshold, kept);
    HGNN_MOE_UNROLL
    for (int l = 0; l < Lanes; ++l) factor[l] = kept[l] ? a.kept_scale : Compute(0);
  }

  HGNN_MOE_HOST_DEVICE bool counts(std::int64_t d) const { return d <= t; }

  // Zeros in the packs behind the last key that counts.
  HGNN_MOE_HOST_DEVICE void clear_rest(Scalar* out, Thread thread) const {
    const Compute zeros[Lanes] = {};
    for_columns<Lanes>(a.length, thread, [&](std::int64_t d) {
      if (d > t) store<Lanes>(out + first + d, zeros);
    });
  }
};

// A unit is a row.
template <typename ScalarType, int Lanes>
struct AttentionRowsBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = AttentionRowsArguments<Scalar>;
  using Row = AttentionRow<Scalar, Lanes>;

  Arguments a;
  Arena<Compute> arena;
  RowReduction<Compute, 1, Maximum> largest;
  RowSums<Compute, 1> sum;

  HGNN_MOE_HOST_DEVICE AttentionRowsBody(const Arguments& arguments, void* shared, int threads)
      : a(arguments), arena(shared), largest(arena, threads), sum(arena, threads) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return AttentionRowsBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return 5; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t unit, bool, Thread t) const {
    if (phase == 1) return largest.combine(t);
    if (phase == 3) return sum.combine(t);
    const Row row(a, unit);
    if (phase == 0) return find_largest(row, t);
    if (phase == 2) return add_up(row, t);
    write(row, unit, t);
  }

 private:
  HGNN_MOE_HOST_DEVICE void find_largest(const Row& row, Thread t) const {
    Compute found = Maximum::start<Compute>();
    row.for_scores(t, [&](std::int64_t d, const Compute(&s)[Lanes]) {
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        if (row.counts(d + l)) found = Maximum::join(found, s[l]);
      }
    });
    largest.add(0, t, found);
  }

  HGNN_MOE_HOST_DEVICE void add_up(const Row& row, Thread t) const {
    const Compute most = largest.total(0);
    Compute total = 0;
    row.for_scores(t, [&](std::int64_t d, const Compute(&s)[Lanes]) {
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        if (row.counts(d + l)) total += exponential(s[l] - most);
      }
    });
    sum.add(0, t, total);
  }

  HGNN_MOE_HOST_DEVICE void write(const Row& row, std::int64_t unit, Thread t) const {
    const Compute log_sum_exp = largest.total(0) + logarithm(sum.total(0));
    row.for_scores(t, [&](std::int64_t d, const Compute(&s)[Lanes]) {
      Compute kept[Lanes];
      row.factors(d, kept);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        kept[l] = row.counts(d + l) ? kept[l] * exponential(s[l] - log_sum_exp) : Compute(0);
      }
      store<Lanes>(a.kept + row.first + d, kept);
    });
    row.clear_rest(a.kept, t);
    if (t.index == 0) a.log_sum_exp[unit] = log_sum_exp;
  }
};

// With p = softmax(s) and kept = f p: ds = p (f d_kept - sum of kept d_kept).
template <typename ScalarType, int Lanes>
struct AttentionRowsGradientBody {
  using Scalar = ScalarType;
  using Compute = ComputeOf<Scalar>;
  using Arguments = AttentionRowsArguments<Scalar>;
  using Row = AttentionRow<Scalar, Lanes>;

  Arguments a;
  Arena<Compute> arena;
  RowSums<Compute, 1> sum;

  HGNN_MOE_HOST_DEVICE AttentionRowsGradientBody(const Arguments& arguments, void* shared,
                                                 int threads)
      : a(arguments), arena(shared), sum(arena, threads) {}

  static std::int64_t shared_elements(const Arguments& a, int threads) {
    return AttentionRowsGradientBody(a, nullptr, threads).arena.used();
  }

  HGNN_MOE_HOST_DEVICE int phases() const { return 3; }
  HGNN_MOE_HOST_DEVICE int finish_phases() const { return 0; }
  HGNN_MOE_HOST_DEVICE void finish(int, std::int64_t, Thread) const {}

  HGNN_MOE_HOST_DEVICE void run(int phase, std::int64_t unit, bool, Thread t) const {
    if (phase == 1) return sum.combine(t);
    const Row row(a, unit);
    const Compute log_sum_exp = a.log_sum_exp[unit];
    const bool last = phase == 2;
    const Compute products = last ? sum.total(0) : Compute(0);
    Compute total = 0;
    row.for_scores(t, [&](std::int64_t d, const Compute(&s)[Lanes]) {
      Compute factor[Lanes], d_kept[Lanes], kept[Lanes], d_scores[Lanes];
      row.factors(d, factor);
      load<Lanes>(a.d_kept + row.first + d, d_kept);
      HGNN_MOE_UNROLL
      for (int l = 0; l < Lanes; ++l) {
        const bool counts = row.counts(d + l);
        const Compute p = counts ? exponential(s[l] - log_sum_exp) : Compute(0);
        kept[l] = factor[l] * p;
        total += counts ? kept[l] * d_kept[l] : Compute(0);
        d_scores[l] = counts ? a.scale * p * (factor[l] * d_kept[l] - products) : Compute(0);
      }
      if (!last) return;
      store<Lanes>(a.kept + row.first + d, kept);
      store<Lanes>(a.d_scores + row.first + d, d_scores);
    });
    if (!last) return sum.add(0, t, total);
    row.clear_rest(a.kept, t);
    row.clear_rest(a.d_scores, t);
  }
};

}  // namespace hgnn_moe::ops::cuda
