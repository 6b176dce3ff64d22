#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>

#include "coupling_device.h"
#include "cuda/expert_mix_body.h"
#include "cuda/launch.cuh"
#include "expert_mix_kernels.h"

namespace hgnn_moe::ops {

void expert_mix_cuda(const at::Tensor& mixing, const at::Tensor& x, const ExpertMixShape& shape,
                     at::Tensor& out) {
  const c10::cuda::CUDAGuard guard(x.device());
  cuda::with_scalar(x.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = cuda::ComputeOf<Scalar>;
    const cuda::ExpertMixArguments<Scalar> arguments{
        static_cast<int>(shape.rows),
        static_cast<int>(shape.experts),
        shape.dim,
        static_cast<const Compute*>(mixing.const_data_ptr()),
        shape.per_token ? shape.rows * shape.experts : 0,
        static_cast<const Scalar*>(x.const_data_ptr()),
        static_cast<Scalar*>(out.mutable_data_ptr())};
    const bool aligned = cuda::is_aligned(arguments.x) && cuda::is_aligned(arguments.out);
    const auto blocks = cuda::blocks_of(shape.tokens, tokens_at_once(shape.experts, shape.dim));
    cuda::launch_tiled<cuda::ExpertMixBody, Scalar>(arguments, shape.tokens, blocks, aligned);
  });
}

void expert_mix_gradient_cuda(const at::Tensor& d_out, const at::Tensor& x,
                              const ExpertMixShape& shape, at::Tensor& d_mixing) {
  const c10::cuda::CUDAGuard guard(x.device());
  const auto blocks = cuda::blocks_of(shape.tokens, tokens_at_once(shape.experts, shape.dim));
  // Each block writes its own sums, which are then added in an order that is always the same.
  at::Tensor written =
      shape.per_token ? d_mixing
                      : at::empty({blocks.count, shape.rows, shape.experts}, d_mixing.options());
  cuda::with_scalar(x.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = cuda::ComputeOf<Scalar>;
    const cuda::ExpertMixGradientArguments<Scalar> arguments{
        static_cast<int>(shape.rows),
        static_cast<int>(shape.experts),
        shape.dim,
        static_cast<const Scalar*>(d_out.const_data_ptr()),
        static_cast<const Scalar*>(x.const_data_ptr()),
        static_cast<Compute*>(written.mutable_data_ptr()),
        shape.per_token};
    cuda::launch<cuda::ExpertMixGradientBody<Scalar>>(arguments, shape.tokens, blocks,
                                                      /*threads=*/128);
  });
  if (!shape.per_token) d_mixing.copy_(sum_of_blocks(written));
}

}  // namespace hgnn_moe::ops
