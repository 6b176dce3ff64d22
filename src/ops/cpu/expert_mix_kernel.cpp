#include "expert_mix_kernel.h"

#include "rows.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

namespace {

template <typename Scalar>
void mix(const ExpertMixArguments& a, const void* mixing, std::int64_t mixing_stride, const void* x,
         void* out, std::int64_t begin, std::int64_t end) {
  using Compute = typename Traits<Scalar>::Compute;
  const bool stream = a.stream && can_stream(static_cast<const Scalar*>(out), a.dim);
  for (std::int64_t n = begin; n < end; ++n) {
    const Compute* k = static_cast<const Compute*>(mixing) + n * mixing_stride;
    const Scalar* in = static_cast<const Scalar*>(x) + n * a.experts * a.dim;
    Scalar* result = static_cast<Scalar*>(out) + n * a.rows * a.dim;
    multiply(k, in, static_cast<const Compute*>(nullptr), result, a.rows, a.experts, a.dim, stream);
  }
  if (stream) finish_streaming();
}

template <typename Scalar>
void gradient(const ExpertMixArguments& a, const void* d_out, const void* x, void* d_mixing,
              std::int64_t d_mixing_stride, std::int64_t begin, std::int64_t end) {
  using Compute = typename Traits<Scalar>::Compute;
  for (std::int64_t n = begin; n < end; ++n) {
    const Scalar* dy = static_cast<const Scalar*>(d_out) + n * a.rows * a.dim;
    const Scalar* in = static_cast<const Scalar*>(x) + n * a.experts * a.dim;
    Compute* dk = static_cast<Compute*>(d_mixing) + (n - begin) * d_mixing_stride;
    add_outer_product(dy, in, dk, a.rows, a.experts, a.dim);
  }
}

void mix_any(const ExpertMixArguments& a, const void* mixing, std::int64_t mixing_stride,
             const void* x, void* out, std::int64_t begin, std::int64_t end) {
  with_scalar(a.type, [&](auto scalar) {
    mix<decltype(scalar)>(a, mixing, mixing_stride, x, out, begin, end);
  });
}

void gradient_any(const ExpertMixArguments& a, const void* d_out, const void* x, void* d_mixing,
                  std::int64_t d_mixing_stride, std::int64_t begin, std::int64_t end) {
  with_scalar(a.type, [&](auto scalar) {
    gradient<decltype(scalar)>(a, d_out, x, d_mixing, d_mixing_stride, begin, end);
  });
}

}  // namespace

extern const ExpertMixKernels kExpertMixKernels{mix_any, gradient_any};

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
