// Products of small matrices in a thread's workspace. Rows and columns there are padded with zeros
// to whole tiles, so that nothing below treats a rest.
#pragma once

#include "vector.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

// A tile of a product: so many rows by up to two vectors, which leaves room for the loads in 16
// registers, and in the 32 of AVX-512.
inline constexpr std::int64_t kProductRows = kVectorBytes == 64 ? 8 : 4;
template <typename Compute>
inline constexpr std::int64_t kPanel = 2 * kLanes<Compute>;

inline std::int64_t round_up(std::int64_t n, std::int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// The left factor of a product by its first element. As it stands, element (row r, depth k) is
// data[r * stride + k]; transposed, data[k * stride + r].
template <bool Transposed, typename Compute>
struct Left {
  const Compute* data;
  std::int64_t stride;

  const Compute& at(std::int64_t r, std::int64_t k) const {
    return Transposed ? data[k * stride + r] : data[r * stride + k];
  }
};

// The right factor, and the product: element (row i, column c) is data[i * stride + c].
template <typename Compute>
struct Right {
  const Compute* data;
  std::int64_t stride;
};
template <typename Compute>
struct Product {
  Compute* data;
  std::int64_t stride;
  bool add;  // to what is there
};

// kProductRows rows of out = a b over `depth`. Below a causal diagonal (`Causal`) row r goes r
// steps deeper than that and reads nothing behind: what stands there may be infinite.
template <int Vectors, bool Causal, bool Transposed, typename Compute>
inline void multiply_tile(Left<Transposed, Compute> a, Right<Compute> b, std::int64_t depth,
                          Product<Compute> out) {
  Vector<Compute> sum[kProductRows][Vectors] = {};
  if (out.add) {
#pragma GCC unroll 8
    for (int r = 0; r < kProductRows; ++r) {
      for (int v = 0; v < Vectors; ++v) {
        sum[r][v] = load_vector(out.data + r * out.stride + v * kLanes<Compute>);
      }
    }
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    Vector<Compute> x[Vectors];
    for (int v = 0; v < Vectors; ++v) {
      x[v] = load_vector(b.data + k * b.stride + v * kLanes<Compute>);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kProductRows; ++r) {
      for (int v = 0; v < Vectors; ++v) sum[r][v] += a.at(r, k) * x[v];
    }
  }
  if (Causal) {
#pragma GCC unroll 8
    for (int j = 1; j < kProductRows; ++j) {
      const std::int64_t k = depth + j - 1;
      Vector<Compute> x[Vectors];
      for (int v = 0; v < Vectors; ++v) {
        x[v] = load_vector(b.data + k * b.stride + v * kLanes<Compute>);
      }
#pragma GCC unroll 8
      for (int r = j; r < kProductRows; ++r) {
        for (int v = 0; v < Vectors; ++v) sum[r][v] += a.at(r, k) * x[v];
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kProductRows; ++r) {
    for (int v = 0; v < Vectors; ++v) {
      store_vector(out.data + r * out.stride + v * kLanes<Compute>, sum[r][v]);
    }
  }
}

// The same over `columns`, a multiple of the vector.
template <bool Causal, bool Transposed, typename Compute>
void multiply_columns(Left<Transposed, Compute> a, Right<Compute> b, std::int64_t depth,
                      Product<Compute> out, std::int64_t columns) {
  std::int64_t c = 0;
  for (; c + kPanel<Compute> <= columns; c += kPanel<Compute>) {
    multiply_tile<2, Causal>(a, Right<Compute>{b.data + c, b.stride}, depth,
                             Product<Compute>{out.data + c, out.stride, out.add});
  }
  if (c < columns) {
    multiply_tile<1, Causal>(a, Right<Compute>{b.data + c, b.stride}, depth,
                             Product<Compute>{out.data + c, out.stride, out.add});
  }
}

// Rows that are far apart do not announce themselves to the hardware's prefetcher.
inline constexpr std::int64_t kRowsAhead = 8;
template <typename Scalar>
inline void prefetch_row(const Scalar* row, std::int64_t dim) {
  constexpr std::int64_t kCacheLine = 64 / sizeof(Scalar);
  for (std::int64_t d = 0; d < dim; d += kCacheLine) __builtin_prefetch(row + d);
}

// out [padded_rows, padded_dim] = in [rows, dim] times factor, and zeros; rows of `in` are `stride`
// elements apart.
template <typename Scalar, typename Compute>
void copy_rows(const Scalar* in, std::int64_t stride, std::int64_t rows, std::int64_t dim,
               Compute factor, Compute* out, std::int64_t padded_rows, std::int64_t padded_dim) {
  const Vector<Compute> zero = {};
  for (std::int64_t r = 0; r < rows; ++r) {
    const Scalar* from = in + r * stride;
    prefetch_row(from + kRowsAhead * stride, dim);
    Compute* to = out + r * padded_dim;
    std::int64_t d = 0;
    for (; d + kLanes<Compute> <= dim; d += kLanes<Compute>) {
      store_vector(to + d, load_vector(from + d) * factor);
    }
    for (; d < dim; ++d) to[d] = load(from + d) * factor;
    for (; d < padded_dim; ++d) to[d] = 0;
  }
  for (std::int64_t i = rows * padded_dim; i < padded_rows * padded_dim; i += kLanes<Compute>) {
    store_vector(out + i, zero);
  }
}

// The reverse: out [rows, dim], rows `stride` elements apart, = in [rows, padded_dim] times factor.
template <typename Scalar, typename Compute>
void store_rows(const Compute* in, std::int64_t padded_dim, std::int64_t rows, std::int64_t dim,
                Compute factor, Scalar* out, std::int64_t stride) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const Compute* from = in + r * padded_dim;
    Scalar* to = out + r * stride;
    std::int64_t d = 0;
    for (; d + kLanes<Compute> <= dim; d += kLanes<Compute>) {
      store_vector(to + d, load_vector(from + d) * factor);
    }
    for (; d < dim; ++d) store(to + d, from[d] * factor);
  }
}

// rows[i] lane j = rows[j] lane i: in each step the first half of the rows is interleaved with the
// second.
template <typename Compute>
inline void transpose_lanes(Vector<Compute>* rows) {
  constexpr int n = kLanes<Compute>;
  const Integers<Compute> lane = lane_numbers<Compute>();
  const Integers<Compute> low = (lane >> 1) + (lane & 1) * n, high = low + n / 2;
  Vector<Compute> next[n];
#pragma GCC unroll 4
  for (int step = 1; step < n; step *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < n / 2; ++i) {
      next[2 * i] = __builtin_shuffle(rows[i], rows[i + n / 2], low);
      next[2 * i + 1] = __builtin_shuffle(rows[i], rows[i + n / 2], high);
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) rows[i] = next[i];
  }
}

// in [rows, dim] transposed by panels of kPanel rows: element (r, d) goes to
// out[(r - r % kPanel) * dim + d * kPanel + r % kPanel]. rows is a multiple of kPanel, dim one of
// the vector.
template <typename Compute>
void transpose_panels(const Compute* in, std::int64_t rows, std::int64_t dim, Compute* out) {
  constexpr std::int64_t n = kLanes<Compute>;
  for (std::int64_t r = 0; r < rows; r += n) {
    Compute* panel = out + (r - r % kPanel<Compute>)*dim + r % kPanel<Compute>;
    for (std::int64_t d = 0; d < dim; d += n) {
      Vector<Compute> block[n];
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) block[i] = load_vector(in + (r + i) * dim + d);
      transpose_lanes<Compute>(block);
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) store_vector(panel + (d + i) * kPanel<Compute>, block[i]);
    }
  }
}

// All lanes joined by `join`, in an order that is the same on every call.
template <typename Compute, typename Join>
inline Compute fold_lanes(Vector<Compute> v, Join join) {
  constexpr int n = kLanes<Compute>;
#pragma GCC unroll 4
  for (int distance = n / 2; distance > 0; distance /= 2) {
    v = join(v, __builtin_shuffle(v, lane_numbers<Compute>() ^ distance));
  }
  return v[0];
}

// Lane i = the sum of the lanes of v[i % Count], each the number that fold_lanes gives; Count is a
// power of 2 up to the lanes. Vectors share their shuffles: with as many as lanes, one step's work
// is Count - 1 pairs of them and not Count times the number of steps.
template <int Count, typename Compute, int Distance = kLanes<Compute> / 2>
inline Vector<Compute> sums_of_lanes(Vector<Compute> (&v)[Count]) {
  constexpr int n = kLanes<Compute>;
  const Integers<Compute> lanes = lane_numbers<Compute>();
  if constexpr (Distance == 0) {
    return v[0];
  } else if constexpr (Distance >= Count) {
    for (Vector<Compute>& one : v) one += __builtin_shuffle(one, lanes ^ Distance);
    return sums_of_lanes<Count, Compute, Distance / 2>(v);
  } else {
    // Lanes with the distance's bit go on with the second half of the vectors: n lanes further.
    const Integers<Compute> second = ((lanes & Distance) != 0) & n;
    Vector<Compute> half[Distance];
    for (int i = 0; i < Distance; ++i) {
      half[i] = __builtin_shuffle(v[i], v[i + Distance], lanes | second) +
                __builtin_shuffle(v[i], v[i + Distance], (lanes ^ Distance) | second);
    }
    return sums_of_lanes<Distance, Compute, Distance / 2>(half);
  }
}

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
