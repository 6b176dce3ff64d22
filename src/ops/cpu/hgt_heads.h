// Rows of H heads by d features, and a thread's workspace for 32 of them: what attention over edges
// is made of.
#pragma once

#include "exponential.h"
#include "hgt_attention_kernel.h"
#include "rows.h"
#include "tiles.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

inline constexpr std::int64_t kEdgesAtOnce = 32;
inline constexpr std::int64_t kEdgesAhead = 4;

// The features of a head where they are a usual number: loops over them are then unrolled. Else
// std::int64_t stands in its place.
template <std::int64_t Value>
struct FixedDim {
  explicit FixedDim(std::int64_t) {}
  constexpr operator std::int64_t() const { return Value; }
};

// That number, 0 of std::int64_t.
template <typename Dim>
inline constexpr std::int64_t kFixedDim = 0;
template <std::int64_t Value>
inline constexpr std::int64_t kFixedDim<FixedDim<Value>> = Value;

// The numbers of a thread, one array behind the other.
template <typename Compute, typename Dim>
struct HgtWorkspace {
  HgtWorkspace(const HgtShape& shape, void* memory)
      : heads(shape.heads), dim(shape.dim), features(shape.heads * shape.dim) {
    auto* next = static_cast<Compute*>(memory);
    const auto take = [&](std::int64_t size) {
      Compute* const here = next;
      next += size;
      return here;
    };
    for (Compute*& tile : tiles) tile = take(kHgtChunkRows * features);
    maximum = take(kHgtChunkRows * heads);
    sum = take(kHgtChunkRows * heads);
    // exponentials() works on whole vectors.
    const std::int64_t pairs = kEdgesAtOnce * heads + 16;
    scores = take(pairs);
    products = take(pairs);
    exponents = take(pairs);
    correction = take(heads + 16);
    new_maximum = take(heads + 16);
  }

  std::int64_t heads;
  Dim dim;
  std::int64_t features;
  Compute* tiles[4];                       // [kHgtChunkRows, H, d]
  Compute *maximum, *sum;                  // [kHgtChunkRows, H]
  Compute *scores, *products, *exponents;  // [kEdgesAtOnce, H]
  Compute *correction, *new_maximum;       // [H]
};

// values[i] = e^values[i], i < count; writes up to the next whole vector.
template <typename Compute>
inline void exponentials(Compute* values, std::int64_t count) {
  const std::int64_t padded = round_up(count, kLanes<Compute>);
  for (std::int64_t i = count; i < padded; ++i) values[i] = 0;
  for (std::int64_t i = 0; i < padded; i += kLanes<Compute>) {
    store_vector(values + i, exponential(load_vector(values + i)));
  }
}

// out[h] = <x_h, y_h>
template <typename Compute, typename Dim>
inline void dot_of_heads(const Compute* x, const Compute* y, std::int64_t heads, Dim dim,
                         Compute* out) {
  for (std::int64_t h = 0; h < heads; ++h) {
    Vector<Compute> sum = {};
    for (std::int64_t d = h * dim; d < (h + 1) * dim; d += kLanes<Compute>) {
      sum += load_vector(x + d) * load_vector(y + d);
    }
    out[h] = fold_lanes<Compute>(sum, [](auto a, auto b) { return a + b; });
  }
}

// out[e, h] = <x_h, y_e,h> of the edges e < count, y_e = row_of(e). Writes up to half a vector
// more.
template <typename Compute, typename Dim, typename RowOf>
inline void dots_of_edges(const Compute* x, RowOf row_of, std::int64_t count, std::int64_t heads,
                          Dim dim, Compute* out) {
  constexpr int n = kLanes<Compute>;
  const std::int64_t pairs = count * heads;
  std::int64_t i = 0, e = 0, h = 0;
  const Compute* y = row_of(0);
  const auto next = [&] {
    Vector<Compute> sum = {};
    for (std::int64_t d = h * dim; d < (h + 1) * dim; d += n) {
      sum += load_vector(x + d) * load_vector(y + d);
    }
    if (++h == heads) {
      h = 0;
      if (++e < count) y = row_of(e);
    }
    return sum;
  };
  for (; i + n <= pairs; i += n) {
    Vector<Compute> sums[n];
#pragma GCC unroll 16
    for (int j = 0; j < n; ++j) sums[j] = next();
    store_vector(out + i, sums_of_lanes<n, Compute>(sums));
  }
  if (i + n / 2 <= pairs) {
    Vector<Compute> sums[n / 2];
#pragma GCC unroll 8
    for (int j = 0; j < n / 2; ++j) sums[j] = next();
    store_vector(out + i, sums_of_lanes<n / 2, Compute>(sums));
    i += n / 2;
  }
  for (; i < pairs; ++i) {
    out[i] = fold_lanes<Compute>(next(), [](auto a, auto b) { return a + b; });
  }
}

// out_h += factor_h x_h
template <typename Compute, typename Dim>
inline void add_scaled_heads(const Compute* factor, const Compute* x, std::int64_t heads, Dim dim,
                             Compute* out) {
  for (std::int64_t h = 0; h < heads; ++h) {
    const Compute k = factor[h];
    for (std::int64_t d = h * dim; d < (h + 1) * dim; d += kLanes<Compute>) {
      store_vector(out + d, load_vector(out + d) + load_vector(x + d) * k);
    }
  }
}

// out_h += the sum over the edges e < count of factors[e, h] x_e,h, x_e = row_of(e), one after the
// other. Where a head's width is known, what is added up stays in registers.
template <typename Compute, typename Dim, typename RowOf>
inline void add_edges(const Compute* factors, RowOf row_of, std::int64_t count, std::int64_t heads,
                      Dim dim, Compute* out) {
  constexpr int n = kLanes<Compute>, kVectors = 8;
  std::int64_t done = 0;
  if constexpr (kFixedDim<Dim> != 0) {
    constexpr std::int64_t kBlock = kVectors * n, kDim = kFixedDim<Dim>;
    static_assert(kBlock % kDim == 0 || kDim % kBlock == 0);
    for (; done + kBlock <= heads * kDim; done += kBlock) {
      Vector<Compute> sums[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[v] = load_vector(out + done + v * n);
      for (std::int64_t e = 0; e < count; ++e) {
        const Compute* const x = row_of(e) + done;
        const Compute* const factor = factors + e * heads + done / kDim;
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sums[v] += load_vector(x + v * n) * factor[v * n / kDim];
      }
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) store_vector(out + done + v * n, sums[v]);
    }
  }
  if (done == heads * dim) return;
  const std::int64_t first = done / dim;
  for (std::int64_t e = 0; e < count; ++e) {
    add_scaled_heads(factors + e * heads + first, row_of(e) + done, heads - first, dim, out + done);
  }
}

// x_h *= factor_h
template <typename Compute, typename Dim>
inline void scale_heads(const Compute* factor, std::int64_t heads, Dim dim, Compute* x) {
  for (std::int64_t h = 0; h < heads; ++h) {
    const Compute k = factor[h];
    for (std::int64_t d = h * dim; d < (h + 1) * dim; d += kLanes<Compute>) {
      store_vector(x + d, load_vector(x + d) * k);
    }
  }
}

template <typename Compute>
void copy_row(const Compute* from, std::int64_t size, Compute* to) {
  for (std::int64_t i = 0; i < size; i += kLanes<Compute>) {
    store_vector(to + i, load_vector(from + i));
  }
}

// Row r of out [rows, H, d] = row r of x times the head's matrix, rows a multiple of kProductRows.
template <typename Compute, typename Dim>
void multiply_heads(const HgtWorkspace<Compute, Dim>& w, const Compute* x, std::int64_t rows,
                    const Compute* matrix, Compute* out) {
  for (std::int64_t h = 0; h < w.heads; ++h) {
    const Right<Compute> right{matrix + h * w.dim * w.dim, w.dim};
    for (std::int64_t r = 0; r < rows; r += kProductRows) {
      const std::int64_t first = r * w.features + h * w.dim;
      multiply_columns<false>(Left<false, Compute>{x + first, w.features}, right, w.dim,
                              Product<Compute>{out + first, w.features, false}, w.dim);
    }
  }
}

// sums [H, d, d] += x_h^T y_h over the rows.
template <typename Compute, typename Dim>
void add_products_of_heads(const HgtWorkspace<Compute, Dim>& w, const Compute* x, const Compute* y,
                           std::int64_t rows, Compute* sums) {
  for (std::int64_t h = 0; h < w.heads; ++h) {
    for (std::int64_t i = 0; i < w.dim; i += kProductRows) {
      multiply_columns<false>(Left<true, Compute>{x + h * w.dim + i, w.features},
                              Right<Compute>{y + h * w.dim, w.features}, rows,
                              Product<Compute>{sums + (h * w.dim + i) * w.dim, w.dim, true}, w.dim);
    }
  }
}

// tile [rows padded, H, d] = rows rows[0] to rows[count - 1] of `in`, and zeros.
template <typename Compute, typename Dim>
void gather(const HgtWorkspace<Compute, Dim>& w, const Compute* in, const std::int32_t* rows,
            std::int64_t count, Compute* tile) {
  for (std::int64_t r = 0; r < count; ++r) {
    if (r + kEdgesAhead < count) prefetch_row(in + rows[r + kEdgesAhead] * w.features, w.features);
    copy_row(in + rows[r] * w.features, w.features, tile + r * w.features);
  }
  fill_zero(tile + count * w.features, (round_up(count, kProductRows) - count) * w.features);
}

// rows rows[0] to rows[count - 1] of `out` += tile.
template <typename Compute, typename Dim>
void scatter_add(const HgtWorkspace<Compute, Dim>& w, const Compute* tile, const std::int32_t* rows,
                 std::int64_t count, Compute* out) {
  for (std::int64_t r = 0; r < count; ++r) {
    Compute* to = out + rows[r] * w.features;
    const Compute* from = tile + r * w.features;
    for (std::int64_t i = 0; i < w.features; i += kLanes<Compute>) {
      store_vector(to + i, load_vector(to + i) + load_vector(from + i));
    }
  }
}

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
