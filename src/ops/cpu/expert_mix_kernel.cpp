#include "expert_mix_kernel.h"

#include "vector.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

namespace {

// A tile of the product: 4 rows by 2 vectors leave room in 16 registers for the loads.
constexpr int kTileRows = 4;
constexpr int kTileVectors = 2;

// Rows `rows` of one token's out = mixing x: every x is loaded once for all of them.
template <int Rows, typename Scalar, typename Compute>
void mix_rows(const Compute* mixing, std::int64_t experts, const Scalar* x, Scalar* out,
              std::int64_t dim) {
  constexpr int kWidth = kTileVectors * kLanes<Compute>;
  std::int64_t d = 0;
  for (; d + kWidth <= dim; d += kWidth) {
    Vector<Compute> sum[Rows][kTileVectors] = {};
    for (std::int64_t e = 0; e < experts; ++e) {
      const Scalar* row = x + e * dim + d;
      const Vector<Compute> x0 = load_vector(row);
      const Vector<Compute> x1 = load_vector(row + kLanes<Compute>);
#pragma GCC unroll 4
      for (int r = 0; r < Rows; ++r) {
        const Compute k = mixing[r * experts + e];
        sum[r][0] += k * x0;
        sum[r][1] += k * x1;
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      store_vector(out + r * dim + d, sum[r][0]);
      store_vector(out + r * dim + d + kLanes<Compute>, sum[r][1]);
    }
  }
  for (; d < dim; ++d) {
    for (int r = 0; r < Rows; ++r) {
      Compute sum = 0;
      for (std::int64_t e = 0; e < experts; ++e) {
        sum += mixing[r * experts + e] * load(x + e * dim + d);
      }
      store(out + r * dim + d, sum);
    }
  }
}

template <typename Scalar>
void mix(const ExpertMixArguments& a, const void* mixing, std::int64_t mixing_stride, const void* x,
         void* out, std::int64_t begin, std::int64_t end) {
  using Compute = typename Traits<Scalar>::Compute;
  for (std::int64_t n = begin; n < end; ++n) {
    const Compute* k = static_cast<const Compute*>(mixing) + n * mixing_stride;
    const Scalar* in = static_cast<const Scalar*>(x) + n * a.experts * a.dim;
    Scalar* result = static_cast<Scalar*>(out) + n * a.rows * a.dim;
    std::int64_t r = 0;
    for (; r + kTileRows <= a.rows; r += kTileRows) {
      mix_rows<kTileRows>(k + r * a.experts, a.experts, in, result + r * a.dim, a.dim);
    }
    for (; r < a.rows; ++r) {
      mix_rows<1>(k + r * a.experts, a.experts, in, result + r * a.dim, a.dim);
    }
  }
}

// out[r * stride] += <d_out row r, x row>.
template <int Rows, typename Scalar, typename Compute>
void dot_rows(const Scalar* d_out, const Scalar* x, std::int64_t dim, Compute* out,
              std::int64_t stride) {
  Vector<Compute> sum[Rows] = {};
  std::int64_t d = 0;
  for (; d + kLanes<Compute> <= dim; d += kLanes<Compute>) {
    const Vector<Compute> in = load_vector(x + d);
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) sum[r] += load_vector(d_out + r * dim + d) * in;
  }
  for (int r = 0; r < Rows; ++r) {
    Compute total = sum_of_lanes<Compute>(sum[r]);
    for (std::int64_t i = d; i < dim; ++i) total += load(d_out + r * dim + i) * load(x + i);
    out[r * stride] += total;
  }
}

template <typename Scalar>
void gradient(const ExpertMixArguments& a, const void* d_out, const void* x, void* d_mixing,
              std::int64_t d_mixing_stride, std::int64_t begin, std::int64_t end) {
  using Compute = typename Traits<Scalar>::Compute;
  for (std::int64_t n = begin; n < end; ++n) {
    const Scalar* dy = static_cast<const Scalar*>(d_out) + n * a.rows * a.dim;
    const Scalar* in = static_cast<const Scalar*>(x) + n * a.experts * a.dim;
    Compute* dk = static_cast<Compute*>(d_mixing) + (n - begin) * d_mixing_stride;
    for (std::int64_t e = 0; e < a.experts; ++e) {
      std::int64_t r = 0;
      for (; r + kTileRows <= a.rows; r += kTileRows) {
        dot_rows<kTileRows>(dy + r * a.dim, in + e * a.dim, a.dim, dk + r * a.experts + e,
                            a.experts);
      }
      for (; r < a.rows; ++r) {
        dot_rows<1>(dy + r * a.dim, in + e * a.dim, a.dim, dk + r * a.experts + e, a.experts);
      }
    }
  }
}

void mix_any(const ExpertMixArguments& a, const void* mixing, std::int64_t mixing_stride,
             const void* x, void* out, std::int64_t begin, std::int64_t end) {
  switch (a.type) {
    case KernelType::float64:
      return mix<double>(a, mixing, mixing_stride, x, out, begin, end);
    case KernelType::float32:
      return mix<float>(a, mixing, mixing_stride, x, out, begin, end);
    case KernelType::bfloat16:
      return mix<Bf16>(a, mixing, mixing_stride, x, out, begin, end);
  }
}

void gradient_any(const ExpertMixArguments& a, const void* d_out, const void* x, void* d_mixing,
                  std::int64_t d_mixing_stride, std::int64_t begin, std::int64_t end) {
  switch (a.type) {
    case KernelType::float64:
      return gradient<double>(a, d_out, x, d_mixing, d_mixing_stride, begin, end);
    case KernelType::float32:
      return gradient<float>(a, d_out, x, d_mixing, d_mixing_stride, begin, end);
    case KernelType::bfloat16:
      return gradient<Bf16>(a, d_out, x, d_mixing, d_mixing_stride, begin, end);
  }
}

}  // namespace

extern const ExpertMixKernels kExpertMixKernels{mix_any, gradient_any};

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
