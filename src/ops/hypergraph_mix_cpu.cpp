#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "cpu/hypergraph_mix_kernel.h"
#include "cpu_launch.h"
#include "hypergraph_mix_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

const HypergraphMixKernels& kernels(CpuIsa isa) {
  return HGNN_MOE_KERNELS_OF(isa, kHypergraphMixKernels);
}

HypergraphMixArguments arguments(const HypergraphMixInputs& in) {
  const std::int64_t hyperedges = in.incidence.num_hyperedges();
  return {kernel_type(in.x_NED),
          in.x_NED.size(1),
          hyperedges,
          in.x_NED.size(2),
          in.incidence.node_offsets.const_data_ptr<std::int64_t>(),
          in.incidence.node_hyperedges.const_data_ptr<std::int64_t>(),
          in.incidence.hyperedge_offsets.const_data_ptr<std::int64_t>(),
          in.incidence.hyperedge_nodes.const_data_ptr<std::int64_t>(),
          in.weighting == Weighting::paper,
          in.x_NED.const_data_ptr(),
          in.weights.const_data_ptr(),
          in.weights.dim() == 2 ? hyperedges : 0,
          in.bias_D.defined() ? in.bias_D.const_data_ptr() : nullptr,
          exceeds_caches(static_cast<std::int64_t>(in.x_NED.nbytes()))};
}

at::Tensor make_workspace(const HypergraphMixInputs& in) {
  return at::empty({hypergraph_mix_workspace(in.x_NED.size(1))}, in.weights.options());
}

}  // namespace

void hypergraph_mix_cpu(CpuIsa isa, const HypergraphMixInputs& in, at::Tensor& out) {
  const HypergraphMixKernels& kernel = kernels(isa);
  const HypergraphMixArguments a = arguments(in);
  void* result = out.mutable_data_ptr();
  at::parallel_for(0, in.x_NED.size(0), tokens_at_once(a.experts, a.dim),
                   [&](std::int64_t begin, std::int64_t end) {
                     const at::Tensor workspace = make_workspace(in);
                     kernel.forward(a, result, workspace.mutable_data_ptr(), begin, end);
                   });
}

HypergraphMixGradients hypergraph_mix_gradient_cpu(CpuIsa isa, const HypergraphMixInputs& in,
                                                   const at::Tensor& d_out) {
  const HypergraphMixKernels& kernel = kernels(isa);
  const HypergraphMixArguments a = arguments(in);
  const std::int64_t tokens = in.x_NED.size(0);
  const std::int64_t chunk = tokens_at_once(a.experts, a.dim);
  const std::int64_t chunks = (tokens + chunk - 1) / chunk;
  const bool shared = in.weights.dim() == 1, with_bias = in.bias_D.defined();
  // Each chunk sums into its own row, and the rows are added in order.
  const at::TensorOptions options = in.weights.options();
  const at::Tensor weights =
      shared ? at::zeros({chunks, a.hyperedges}, options) : at::empty_like(in.weights);
  const at::Tensor bias_CD = at::zeros({with_bias ? chunks : 0, a.dim}, options);
  at::Tensor d_x = at::empty_like(in.x_NED);
  void* d_x_data = d_x.mutable_data_ptr();
  at::parallel_for(0, chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    const at::Tensor workspace = make_workspace(in);
    for (std::int64_t c = begin; c < end; ++c) {
      const HypergraphMixGradientPointers d{d_x_data,
                                            (shared ? weights[c] : weights).mutable_data_ptr(),
                                            with_bias ? bias_CD[c].mutable_data_ptr() : nullptr};
      kernel.backward(a, d_out.const_data_ptr(), d, workspace.mutable_data_ptr(), c * chunk,
                      std::min(tokens, (c + 1) * chunk));
    }
  });
  return {d_x, shared ? sum_in_order(weights) : weights,
          with_bias ? sum_in_order(bias_CD) : at::Tensor()};
}

}  // namespace hgnn_moe::ops
