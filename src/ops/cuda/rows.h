// Products of one token's small matrices with its rows of D elements, by all threads of a block.
#pragma once

#include "block.h"

namespace hgnn_moe::ops::cuda {

// A matrix in shared memory, read at [i * row + j * column].
template <typename Compute>
struct SmallMatrix {
  const Compute* values;
  int row, column;

  HGNN_MOE_HOST_DEVICE Compute at(int i, int j) const { return values[i * row + j * column]; }
};

// Rows held in registers by multiply(); more experts are read again for every few rows of the
// result.
inline constexpr int kMaxTile = 32;
inline constexpr int kRowsAtOnce = 8;

// out [rows, dim] = mixing [rows, experts] x [experts, dim] + start(row, column). Each thread takes
// packs of Lanes columns: dim is a multiple of Lanes, and x and out are aligned to a pack. The
// experts' packs stay in registers, Tile >= experts of them; Tile = 0 serves any number.
template <int Tile, int Lanes, typename Scalar, typename Start>
HGNN_MOE_HOST_DEVICE void multiply(const SmallMatrix<ComputeOf<Scalar>>& mixing, int rows,
                                   int experts, const Scalar* x, Scalar* out, std::int64_t dim,
                                   const Start& start, Thread t) {
  using Compute = ComputeOf<Scalar>;
  using P = Pack<Scalar, Lanes>;
  for (std::int64_t d = static_cast<std::int64_t>(t.index) * Lanes; d < dim;
       d += static_cast<std::int64_t>(t.count) * Lanes) {
    if constexpr (Tile > 0) {
      P in[Tile] = {};
      HGNN_MOE_UNROLL
      for (int j = 0; j < Tile; ++j) {
        if (j < experts) in[j] = *reinterpret_cast<const P*>(x + j * dim + d);
      }
      for (int i = 0; i < rows; ++i) {
        Compute sum[Lanes];
        HGNN_MOE_UNROLL
        for (int l = 0; l < Lanes; ++l) sum[l] = start(i, d + l);
        HGNN_MOE_UNROLL
        for (int j = 0; j < Tile; ++j) {
          if (j >= experts) continue;
          const Compute k = mixing.at(i, j);
          HGNN_MOE_UNROLL
          for (int l = 0; l < Lanes; ++l) sum[l] += k * value(in[j].lane[l]);
        }
        P result;
        HGNN_MOE_UNROLL
        for (int l = 0; l < Lanes; ++l) assign(result.lane[l], sum[l]);
        *reinterpret_cast<P*>(out + i * dim + d) = result;
      }
    } else {
      for (int first = 0; first < rows; first += kRowsAtOnce) {
        Compute sum[kRowsAtOnce][Lanes];
        HGNN_MOE_UNROLL
        for (int r = 0; r < kRowsAtOnce; ++r) {
          HGNN_MOE_UNROLL
          for (int l = 0; l < Lanes; ++l) sum[r][l] = start(first + r, d + l);
        }
        for (int j = 0; j < experts; ++j) {
          const P in = *reinterpret_cast<const P*>(x + j * dim + d);
          HGNN_MOE_UNROLL
          for (int r = 0; r < kRowsAtOnce; ++r) {
            const Compute k = first + r < rows ? mixing.at(first + r, j) : Compute(0);
            HGNN_MOE_UNROLL
            for (int l = 0; l < Lanes; ++l) sum[r][l] += k * value(in.lane[l]);
          }
        }
        HGNN_MOE_UNROLL
        for (int r = 0; r < kRowsAtOnce; ++r) {
          if (first + r >= rows) continue;
          P result;
          HGNN_MOE_UNROLL
          for (int l = 0; l < Lanes; ++l) assign(result.lane[l], sum[r][l]);
          *reinterpret_cast<P*>(out + (first + r) * dim + d) = result;
        }
      }
    }
  }
}

// y x^T of one token: [rows, experts] dot products over D, through tiles of columns in shared
// memory. Each product is cut into segments, one a thread, which are added in order at the end.
template <typename Scalar>
class OuterProduct {
 public:
  using Compute = ComputeOf<Scalar>;

  HGNN_MOE_HOST_DEVICE OuterProduct(Arena<Compute>& arena, int rows, int experts, std::int64_t dim,
                                    int threads)
      : rows_(rows), experts_(experts), dim_(dim), segments_(1), columns_(kTileElements) {
    while (2 * segments_ * rows * experts <= threads && segments_ < kMaxSegments) segments_ *= 2;
    columns_ = columns_ / (rows + experts) / kMaxSegments * kMaxSegments;
    if (columns_ < kMaxSegments) columns_ = kMaxSegments;
    if (columns_ > dim) columns_ = static_cast<int>(dim);
    // Threads that follow each other read other banks.
    stride_ = (columns_ + kMaxSegments - 1) / kMaxSegments * kMaxSegments + segments_;
    y_ = arena.take(static_cast<std::int64_t>(rows) * stride_);
    x_ = arena.take(static_cast<std::int64_t>(experts) * stride_);
    sums_ = arena.take(static_cast<std::int64_t>(rows) * experts * segments_);
  }

  // Two phases a tile.
  HGNN_MOE_HOST_DEVICE int phases() const {
    return 2 * static_cast<int>((dim_ + columns_ - 1) / columns_);
  }

  HGNN_MOE_HOST_DEVICE void clear(Thread t) const {
    for (int p = t.index; p < rows_ * experts_ * segments_; p += t.count) sums_[p] = 0;
  }

  // Adds y x^T to the sums, which clear() has set before.
  HGNN_MOE_HOST_DEVICE void run(int phase, const Scalar* y, const Scalar* x, Thread t) const {
    const std::int64_t first = static_cast<std::int64_t>(phase / 2) * columns_;
    const int columns = static_cast<int>(
        dim_ - first < columns_ ? dim_ - first : static_cast<std::int64_t>(columns_));
    if (phase % 2 == 0) {
      copy(y + first, y_, rows_, columns, t);
      copy(x + first, x_, experts_, columns, t);
      return;
    }
    for (int p = t.index; p < rows_ * experts_ * segments_; p += t.count) {
      const int segment = p % segments_, pair = p / segments_;
      const Compute* y_row = y_ + (pair / experts_) * stride_;
      const Compute* x_row = x_ + (pair % experts_) * stride_;
      Compute sum = 0;
      for (int d = segment; d < columns; d += segments_) sum += y_row[d] * x_row[d];
      sums_[p] += sum;
    }
  }

  // The tile of y that the last even phase has brought: row i stands at y_tile() + i * stride().
  HGNN_MOE_HOST_DEVICE const Compute* y_tile() const { return y_; }
  HGNN_MOE_HOST_DEVICE int stride() const { return stride_; }
  HGNN_MOE_HOST_DEVICE int columns() const { return columns_; }

  // The product of row `pair / experts` of y with row `pair % experts` of x.
  HGNN_MOE_HOST_DEVICE Compute total(int pair) const {
    Compute sum = 0;
    for (int s = 0; s < segments_; ++s) sum += sums_[pair * segments_ + s];
    return sum;
  }

 private:
  static constexpr int kTileElements = 8192, kMaxSegments = 32;

  HGNN_MOE_HOST_DEVICE void copy(const Scalar* from, Compute* to, int rows, int columns,
                                 Thread t) const {
    for (int p = t.index; p < rows * columns; p += t.count) {
      to[(p / columns) * stride_ + p % columns] =
          value(from[static_cast<std::int64_t>(p / columns) * dim_ + p % columns]);
    }
  }

  int rows_, experts_;
  std::int64_t dim_;
  int segments_, columns_, stride_;
  Compute *y_, *x_, *sums_;
};

}  // namespace hgnn_moe::ops::cuda
