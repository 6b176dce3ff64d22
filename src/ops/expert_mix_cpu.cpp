#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "cpu/expert_mix_kernel.h"
#include "cpu_launch.h"
#include "expert_mix_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

const ExpertMixKernels& kernels(CpuIsa isa) { return HGNN_MOE_KERNELS_OF(isa, kExpertMixKernels); }

ExpertMixArguments arguments(const at::Tensor& x, const ExpertMixShape& shape) {
  const std::int64_t out_bytes = shape.tokens * shape.rows * shape.dim * x.element_size();
  return {kernel_type(x), shape.rows, shape.experts, shape.dim, exceeds_caches(out_bytes)};
}

}  // namespace

void expert_mix_cpu(CpuIsa isa, const at::Tensor& mixing, const at::Tensor& x,
                    const ExpertMixShape& shape, at::Tensor& out) {
  const ExpertMixKernels& kernel = kernels(isa);
  const ExpertMixArguments a = arguments(x, shape);
  const std::int64_t stride = shape.per_token ? shape.rows * shape.experts : 0;
  void* result = out.mutable_data_ptr();
  at::parallel_for(0, shape.tokens, tokens_at_once(shape.experts, shape.dim),
                   [&](std::int64_t begin, std::int64_t end) {
                     kernel.mix(a, mixing.const_data_ptr(), stride, x.const_data_ptr(), result,
                                begin, end);
                   });
}

void expert_mix_gradient_cpu(CpuIsa isa, const at::Tensor& d_out, const at::Tensor& x,
                             const ExpertMixShape& shape, at::Tensor& d_mixing) {
  const ExpertMixKernels& kernel = kernels(isa);
  const ExpertMixArguments a = arguments(x, shape);
  const std::int64_t chunk = tokens_at_once(shape.experts, shape.dim);
  if (!shape.per_token) {
    // Each chunk of tokens sums into its own row, and the rows are added in order: the result does
    // not depend on the number of threads.
    const std::int64_t chunks = (shape.tokens + chunk - 1) / chunk;
    const at::Tensor partial_CRE =
        at::zeros({chunks, shape.rows, shape.experts}, d_mixing.options());
    at::parallel_for(0, chunks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c) {
        kernel.gradient(a, d_out.const_data_ptr(), x.const_data_ptr(),
                        partial_CRE[c].mutable_data_ptr(), /*d_mixing_stride=*/0, c * chunk,
                        std::min(shape.tokens, (c + 1) * chunk));
      }
    });
    d_mixing.copy_(sum_in_order(partial_CRE));
    return;
  }
  d_mixing.zero_();
  const std::int64_t size = shape.rows * shape.experts;
  auto* first = static_cast<char*>(d_mixing.mutable_data_ptr());
  const auto bytes = static_cast<std::int64_t>(d_mixing.element_size());
  at::parallel_for(0, shape.tokens, chunk, [&](std::int64_t begin, std::int64_t end) {
    kernel.gradient(a, d_out.const_data_ptr(), x.const_data_ptr(), first + begin * size * bytes,
                    size, begin, end);
  });
}

}  // namespace hgnn_moe::ops
