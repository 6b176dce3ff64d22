#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>

#include "coupling_device.h"
#include "cuda/gnn_message_body.h"
#include "cuda/launch.cuh"
#include "gnn_message_kernels.h"

namespace hgnn_moe::ops {

namespace {

template <typename Scalar>
cuda::GnnMessageArguments<Scalar> arguments_of(const GnnMessageInputs& in) {
  using Compute = cuda::ComputeOf<Scalar>;
  cuda::GnnMessageArguments<Scalar> a{};
  a.experts = static_cast<int>(in.x_NED.size(1));
  a.dim = in.x_NED.size(2);
  a.x = static_cast<const Scalar*>(in.x_NED.const_data_ptr());
  a.message_weight = static_cast<const Compute*>(in.message_weight_2D.const_data_ptr());
  a.message_bias = static_cast<const Compute*>(in.message_bias.const_data_ptr());
  a.adjacency = static_cast<const Compute*>(in.adjacency_EE.const_data_ptr());
  return a;
}

cuda::Blocks blocks_of(const GnnMessageInputs& in) {
  return cuda::blocks_of(in.x_NED.size(0), tokens_at_once(in.x_NED.size(1), in.x_NED.size(2)));
}

}  // namespace

void gnn_message_cuda(const GnnMessageInputs& in, at::Tensor& out) {
  const c10::cuda::CUDAGuard guard(in.x_NED.device());
  cuda::with_scalar(in.x_NED.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    auto a = arguments_of<Scalar>(in);
    a.out = static_cast<Scalar*>(out.mutable_data_ptr());
    const bool aligned = cuda::is_aligned(a.x) && cuda::is_aligned(a.out);
    cuda::launch_tiled<cuda::GnnMessageBody, Scalar>(a, in.x_NED.size(0), blocks_of(in), aligned);
  });
}

GnnMessageInputs gnn_message_gradient_cuda(const GnnMessageInputs& in, const at::Tensor& d_out) {
  const c10::cuda::CUDAGuard guard(in.x_NED.device());
  const cuda::Blocks blocks = blocks_of(in);
  const std::int64_t experts = in.x_NED.size(1), dim = in.x_NED.size(2);
  // Each block writes its own sums, which are then added in an order that is always the same.
  const at::TensorOptions options = in.adjacency_EE.options();
  at::Tensor weight = at::empty({blocks.count, 2, dim}, options);
  at::Tensor bias = at::empty({blocks.count, 1}, options);
  at::Tensor adjacency = at::empty({blocks.count, experts, experts}, options);
  at::Tensor d_x = at::empty_like(in.x_NED);
  cuda::with_scalar(in.x_NED.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = cuda::ComputeOf<Scalar>;
    auto a = arguments_of<Scalar>(in);
    a.d_out = static_cast<const Scalar*>(d_out.const_data_ptr());
    a.d_x = static_cast<Scalar*>(d_x.mutable_data_ptr());
    a.d_message_weight = static_cast<Compute*>(weight.mutable_data_ptr());
    a.d_message_bias = static_cast<Compute*>(bias.mutable_data_ptr());
    a.d_adjacency = static_cast<Compute*>(adjacency.mutable_data_ptr());
    const bool aligned =
        cuda::is_aligned(a.x) && cuda::is_aligned(a.d_out) && cuda::is_aligned(a.d_x);
    cuda::launch_tiled<cuda::GnnMessageGradientBody, Scalar>(a, in.x_NED.size(0), blocks, aligned);
  });
  return {d_x, sum_of_blocks(weight), sum_of_blocks(bias), sum_of_blocks(adjacency)};
}

}  // namespace hgnn_moe::ops
