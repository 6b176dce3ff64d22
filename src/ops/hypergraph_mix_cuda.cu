#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>

#include "coupling_device.h"
#include "cuda/hypergraph_mix_body.h"
#include "cuda/launch.cuh"
#include "hypergraph_mix_kernels.h"

namespace hgnn_moe::ops {

namespace {

template <typename Scalar>
cuda::HypergraphMixArguments<Scalar> arguments_of(const HypergraphMixInputs& in) {
  using Compute = cuda::ComputeOf<Scalar>;
  cuda::HypergraphMixArguments<Scalar> a{};
  a.experts = static_cast<int>(in.x_NED.size(1));
  a.hyperedges = static_cast<int>(in.incidence.num_hyperedges());
  a.dim = in.x_NED.size(2);
  a.node_offsets = in.incidence.node_offsets.const_data_ptr<std::int64_t>();
  a.node_hyperedges = in.incidence.node_hyperedges.const_data_ptr<std::int64_t>();
  a.hyperedge_offsets = in.incidence.hyperedge_offsets.const_data_ptr<std::int64_t>();
  a.hyperedge_nodes = in.incidence.hyperedge_nodes.const_data_ptr<std::int64_t>();
  a.weights_in_products = in.weighting == Weighting::paper;
  a.x = static_cast<const Scalar*>(in.x_NED.const_data_ptr());
  a.weights = static_cast<const Compute*>(in.weights.const_data_ptr());
  a.weights_stride = in.weights.dim() == 2 ? a.hyperedges : 0;
  a.bias = in.bias_D.defined() ? static_cast<const Compute*>(in.bias_D.const_data_ptr()) : nullptr;
  return a;
}

cuda::Blocks blocks_of(const HypergraphMixInputs& in) {
  return cuda::blocks_of(in.x_NED.size(0), tokens_at_once(in.x_NED.size(1), in.x_NED.size(2)));
}

}  // namespace

void hypergraph_mix_cuda(const HypergraphMixInputs& in, at::Tensor& out) {
  const c10::cuda::CUDAGuard guard(in.x_NED.device());
  cuda::with_scalar(in.x_NED.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    auto a = arguments_of<Scalar>(in);
    a.out = static_cast<Scalar*>(out.mutable_data_ptr());
    const bool aligned = cuda::is_aligned(a.x) && cuda::is_aligned(a.out);
    cuda::launch_tiled<cuda::HypergraphMixBody, Scalar>(a, in.x_NED.size(0), blocks_of(in),
                                                        aligned);
  });
}

HypergraphMixGradients hypergraph_mix_gradient_cuda(const HypergraphMixInputs& in,
                                                    const at::Tensor& d_out) {
  const c10::cuda::CUDAGuard guard(in.x_NED.device());
  const cuda::Blocks blocks = blocks_of(in);
  const bool shared = in.weights.dim() == 1, with_bias = in.bias_D.defined();
  // Each block writes its own sums, which are then added in an order that is always the same.
  at::Tensor weights = shared ? at::empty({blocks.count, in.weights.size(0)}, in.weights.options())
                              : at::empty_like(in.weights);
  at::Tensor bias =
      at::empty({with_bias ? blocks.count : 0, in.x_NED.size(2)}, in.weights.options());
  at::Tensor d_x = at::empty_like(in.x_NED);
  cuda::with_scalar(in.x_NED.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = cuda::ComputeOf<Scalar>;
    auto a = arguments_of<Scalar>(in);
    a.d_out = static_cast<const Scalar*>(d_out.const_data_ptr());
    a.d_x = static_cast<Scalar*>(d_x.mutable_data_ptr());
    a.d_weights = static_cast<Compute*>(weights.mutable_data_ptr());
    a.d_bias = with_bias ? static_cast<Compute*>(bias.mutable_data_ptr()) : nullptr;
    const bool aligned =
        cuda::is_aligned(a.x) && cuda::is_aligned(a.d_out) && cuda::is_aligned(a.d_x);
    cuda::launch_tiled<cuda::HypergraphMixGradientBody, Scalar>(a, in.x_NED.size(0), blocks,
                                                                aligned);
  });
  return {d_x, shared ? sum_of_blocks(weights) : weights,
          with_bias ? sum_of_blocks(bias) : at::Tensor()};
}

}  // namespace hgnn_moe::ops
