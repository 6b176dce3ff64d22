#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "cpu/expert_mix_kernel.h"
#include "expert_mix_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

// Elements of x that are worth a thread of their own.
constexpr std::int64_t kGrain = 16384;

const ExpertMixKernels& kernels(CpuIsa isa) {
#ifdef HGNN_MOE_X86_KERNELS
  if (isa == CpuIsa::avx512) return avx512::kExpertMixKernels;
  if (isa == CpuIsa::avx2) return avx2::kExpertMixKernels;
#endif
  HGNN_MOE_ASSERT(isa == CpuIsa::baseline, "instruction set {}", static_cast<int>(isa));
  return baseline::kExpertMixKernels;
}

ExpertMixArguments arguments(const at::Tensor& x, const ExpertMixShape& shape) {
  const KernelType type = x.scalar_type() == at::kDouble  ? KernelType::float64
                          : x.scalar_type() == at::kFloat ? KernelType::float32
                                                          : KernelType::bfloat16;
  return {type, shape.rows, shape.experts, shape.dim};
}

std::int64_t tokens_at_once(const ExpertMixShape& shape) {
  return std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, shape.experts * shape.dim));
}

// Each chunk of tokens sums into its own row, and the rows are added in order: the result does
// not depend on the number of threads.
template <typename Compute>
void sum_over_tokens(const ExpertMixKernels& kernel, const ExpertMixArguments& a,
                     const at::Tensor& d_out, const at::Tensor& x, const ExpertMixShape& shape,
                     at::Tensor& d_mixing) {
  const std::int64_t chunk = tokens_at_once(shape);
  const std::int64_t chunks = (shape.tokens + chunk - 1) / chunk;
  const std::int64_t size = shape.rows * shape.experts;
  std::vector<Compute> partial(static_cast<std::size_t>(chunks * size));
  at::parallel_for(0, chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      kernel.gradient(a, d_out.const_data_ptr(), x.const_data_ptr(), partial.data() + c * size,
                      /*d_mixing_stride=*/0, c * chunk, std::min(shape.tokens, (c + 1) * chunk));
    }
  });
  Compute* out = d_mixing.mutable_data_ptr<Compute>();
  for (std::int64_t i = 0; i < size; ++i) {
    double sum = 0.0;
    for (std::int64_t c = 0; c < chunks; ++c) sum += partial[c * size + i];
    out[i] = static_cast<Compute>(sum);
  }
}

}  // namespace

void expert_mix_cpu(CpuIsa isa, const at::Tensor& mixing, const at::Tensor& x,
                    const ExpertMixShape& shape, at::Tensor& out) {
  const ExpertMixKernels& kernel = kernels(isa);
  const ExpertMixArguments a = arguments(x, shape);
  const std::int64_t stride = shape.per_token ? shape.rows * shape.experts : 0;
  void* result = out.mutable_data_ptr();
  at::parallel_for(
      0, shape.tokens, tokens_at_once(shape), [&](std::int64_t begin, std::int64_t end) {
        kernel.mix(a, mixing.const_data_ptr(), stride, x.const_data_ptr(), result, begin, end);
      });
}

void expert_mix_gradient_cpu(CpuIsa isa, const at::Tensor& d_out, const at::Tensor& x,
                             const ExpertMixShape& shape, at::Tensor& d_mixing) {
  const ExpertMixKernels& kernel = kernels(isa);
  const ExpertMixArguments a = arguments(x, shape);
  if (!shape.per_token) {
    if (a.type == KernelType::float64) {
      sum_over_tokens<double>(kernel, a, d_out, x, shape, d_mixing);
    } else {
      sum_over_tokens<float>(kernel, a, d_out, x, shape, d_mixing);
    }
    return;
  }
  d_mixing.zero_();
  const std::int64_t size = shape.rows * shape.experts;
  auto* first = static_cast<char*>(d_mixing.mutable_data_ptr());
  const auto bytes = static_cast<std::int64_t>(d_mixing.element_size());
  at::parallel_for(0, shape.tokens, tokens_at_once(shape),
                   [&](std::int64_t begin, std::int64_t end) {
                     kernel.gradient(a, d_out.const_data_ptr(), x.const_data_ptr(),
                                     first + begin * size * bytes, size, begin, end);
                   });
}

}  // namespace hgnn_moe::ops
