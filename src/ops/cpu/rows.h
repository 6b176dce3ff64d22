// Products of one token's small matrices with its rows of D elements.
#pragma once

#include "kernel_type.h"
#include "vector.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

// Calls f with a value of the element type in memory.
template <typename F>
void with_scalar(KernelType type, F f) {
  switch (type) {
    case KernelType::float64:
      return f(double{});
    case KernelType::float32:
      return f(float{});
    case KernelType::bfloat16:
      return f(Bf16{});
  }
}

template <typename Compute>
void fill_zero(Compute* p, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) p[i] = 0;
}

// out [size, size] = the transposed of in.
template <typename Compute>
void transpose(const Compute* in, Compute* out, std::int64_t size) {
  for (std::int64_t i = 0; i < size; ++i) {
    for (std::int64_t j = 0; j < size; ++j) out[j * size + i] = in[i * size + j];
  }
}

// A tile of the product: 4 rows by 2 vectors leave room in 16 registers for the loads. In the 32 of
// AVX-512 there is room for 8 rows, which pays where X has to be converted for every pass over it.
constexpr int kTileRows = 4;
constexpr int kTileVectors = 2;

// Rows `rows` of one token's out = mixing x [+ bias]: every x is loaded once for all of them.
template <int Rows, bool Stream, typename Scalar, typename Compute, typename Out>
void mix_rows(const Compute* mixing, std::int64_t experts, const Scalar* x, const Compute* bias,
              Out* out, std::int64_t dim) {
  constexpr int kWidth = kTileVectors * kLanes<Compute>;
  std::int64_t d = 0;
  for (; d + kWidth <= dim; d += kWidth) {
    Vector<Compute> sum[Rows][kTileVectors] = {};
    if (bias != nullptr) {
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        sum[r][0] = load_vector(bias + d);
        sum[r][1] = load_vector(bias + d + kLanes<Compute>);
      }
    }
    for (std::int64_t e = 0; e < experts; ++e) {
      const Scalar* row = x + e * dim + d;
      const Vector<Compute> x0 = load_vector(row);
      const Vector<Compute> x1 = load_vector(row + kLanes<Compute>);
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        const Compute k = mixing[r * experts + e];
        sum[r][0] += k * x0;
        sum[r][1] += k * x1;
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      Out* to = out + r * dim + d;
      if (Stream) {
        stream_vector(to, sum[r][0]);
        stream_vector(to + kLanes<Compute>, sum[r][1]);
      } else {
        store_vector(to, sum[r][0]);
        store_vector(to + kLanes<Compute>, sum[r][1]);
      }
    }
  }
  for (; d < dim; ++d) {
    for (int r = 0; r < Rows; ++r) {
      Compute sum = bias != nullptr ? bias[d] : Compute(0);
      for (std::int64_t e = 0; e < experts; ++e) {
        sum += mixing[r * experts + e] * load(x + e * dim + d);
      }
      store(out + r * dim + d, sum);
    }
  }
}

template <bool Stream, typename Scalar, typename Compute, typename Out>
void multiply_rows(const Compute* mixing, const Scalar* x, const Compute* bias, Out* out,
                   std::int64_t rows, std::int64_t experts, std::int64_t dim) {
  std::int64_t r = 0;
  if (sizeof(Scalar) == 2 && kVectorBytes == 64) {
    for (; r + 8 <= rows; r += 8) {
      mix_rows<8, Stream>(mixing + r * experts, experts, x, bias, out + r * dim, dim);
    }
  }
  for (; r + kTileRows <= rows; r += kTileRows) {
    mix_rows<kTileRows, Stream>(mixing + r * experts, experts, x, bias, out + r * dim, dim);
  }
  for (; r < rows; ++r)
    mix_rows<1, Stream>(mixing + r * experts, experts, x, bias, out + r * dim, dim);
}

// out [rows, dim] = mixing [rows, experts] x [experts, dim], plus bias [dim] unless that is null.
// `out` is of x's type or of the one that is computed with. `stream` asks for stream_vector, for
// which every row of out must be aligned.
template <typename Scalar, typename Compute, typename Out>
void multiply(const Compute* mixing, const Scalar* x, const Compute* bias, Out* out,
              std::int64_t rows, std::int64_t experts, std::int64_t dim, bool stream) {
  if (stream) {
    multiply_rows<true>(mixing, x, bias, out, rows, experts, dim);
  } else {
    multiply_rows<false>(mixing, x, bias, out, rows, experts, dim);
  }
}

// Whether rows of dim elements that follow each other from `first` on are all aligned for
// stream_vector.
template <typename Scalar>
bool can_stream(const Scalar* first, std::int64_t dim) {
  constexpr std::int64_t kStored = kVectorBytes / (sizeof(Scalar) == 2 ? 2 : 1);
  return reinterpret_cast<std::uintptr_t>(first) % kStored == 0 &&
         dim * static_cast<std::int64_t>(sizeof(Scalar)) % kStored == 0;
}

// out[r * stride] += <d_out row r, x row>.
template <int Rows, typename Scalar, typename Compute>
void dot_rows(const Scalar* d_out, const Scalar* x, std::int64_t dim, Compute* out,
              std::int64_t stride) {
  Vector<Compute> sum[Rows] = {};
  std::int64_t d = 0;
  for (; d + kLanes<Compute> <= dim; d += kLanes<Compute>) {
    const Vector<Compute> in = load_vector(x + d);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) sum[r] += load_vector(d_out + r * dim + d) * in;
  }
  for (int r = 0; r < Rows; ++r) {
    Compute total = sum_of_lanes<Compute>(sum[r]);
    for (std::int64_t i = d; i < dim; ++i) total += load(d_out + r * dim + i) * load(x + i);
    out[r * stride] += total;
  }
}

// out [rows, experts] += y [rows, dim] x^T [dim, experts].
template <typename Scalar, typename Compute>
void add_outer_product(const Scalar* y, const Scalar* x, Compute* out, std::int64_t rows,
                       std::int64_t experts, std::int64_t dim) {
  for (std::int64_t e = 0; e < experts; ++e) {
    std::int64_t r = 0;
    for (; r + kTileRows <= rows; r += kTileRows) {
      dot_rows<kTileRows>(y + r * dim, x + e * dim, dim, out + r * experts + e, experts);
    }
    for (; r < rows; ++r) {
      dot_rows<1>(y + r * dim, x + e * dim, dim, out + r * experts + e, experts);
    }
  }
}

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
