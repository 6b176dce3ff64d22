#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "cpu/gnn_message_kernel.h"
#include "cpu_launch.h"
#include "gnn_message_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

const GnnMessageKernels& kernels(CpuIsa isa) {
  return HGNN_MOE_KERNELS_OF(isa, kGnnMessageKernels);
}

GnnMessageArguments arguments(const GnnMessageInputs& in) {
  return {kernel_type(in.x_NED),
          in.x_NED.size(1),
          in.x_NED.size(2),
          in.x_NED.const_data_ptr(),
          in.message_weight_2D.const_data_ptr(),
          in.message_bias.const_data_ptr(),
          in.adjacency_EE.const_data_ptr(),
          exceeds_caches(static_cast<std::int64_t>(in.x_NED.nbytes()))};
}

at::Tensor make_workspace(const GnnMessageInputs& in) {
  return at::empty({gnn_message_workspace(in.x_NED.size(1), in.x_NED.size(2))},
                   in.adjacency_EE.options());
}

}  // namespace

void gnn_message_cpu(CpuIsa isa, const GnnMessageInputs& in, at::Tensor& out) {
  const GnnMessageKernels& kernel = kernels(isa);
  const GnnMessageArguments a = arguments(in);
  void* result = out.mutable_data_ptr();
  at::parallel_for(0, in.x_NED.size(0), tokens_at_once(a.experts, a.dim),
                   [&](std::int64_t begin, std::int64_t end) {
                     const at::Tensor workspace = make_workspace(in);
                     kernel.forward(a, result, workspace.mutable_data_ptr(), begin, end);
                   });
}

GnnMessageInputs gnn_message_gradient_cpu(CpuIsa isa, const GnnMessageInputs& in,
                                          const at::Tensor& d_out) {
  const GnnMessageKernels& kernel = kernels(isa);
  const GnnMessageArguments a = arguments(in);
  const std::int64_t tokens = in.x_NED.size(0);
  const std::int64_t chunk = tokens_at_once(a.experts, a.dim);
  const std::int64_t chunks = (tokens + chunk - 1) / chunk;
  const at::TensorOptions options = in.adjacency_EE.options();
  // Each chunk sums into its own row, and the rows are added in order.
  const at::Tensor weight_C2D = at::zeros({chunks, 2, a.dim}, options);
  const at::Tensor bias_C = at::zeros({chunks, 1}, options);
  const at::Tensor adjacency_CEE = at::zeros({chunks, a.experts, a.experts}, options);
  at::Tensor d_x = at::empty_like(in.x_NED);
  void* d_x_data = d_x.mutable_data_ptr();
  at::parallel_for(0, chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    const at::Tensor workspace = make_workspace(in);
    for (std::int64_t c = begin; c < end; ++c) {
      const GnnMessageSums sums{weight_C2D[c].mutable_data_ptr(), bias_C[c].mutable_data_ptr(),
                                adjacency_CEE[c].mutable_data_ptr()};
      kernel.backward(a, d_out.const_data_ptr(), d_x_data, sums, workspace.mutable_data_ptr(),
                      c * chunk, std::min(tokens, (c + 1) * chunk));
    }
  });
  return {d_x, sum_in_order(weight_C2D), sum_in_order(bias_C), sum_in_order(adjacency_CEE)};
}

}  // namespace hgnn_moe::ops
