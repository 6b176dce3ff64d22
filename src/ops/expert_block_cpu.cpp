#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "counter_dropout_kernels.h"
#include "cpu/expert_block_kernel.h"
#include "cpu_launch.h"
#include "expert_block_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

const ExpertBlockKernels& kernels(CpuIsa isa) {
  return HGNN_MOE_KERNELS_OF(isa, kExpertBlockKernels);
}

RowDropout row_dropout(const ExpertDropout& dropout) {
  if (dropout.rate == 0.0) return {nullptr, nullptr, nullptr, 0, 1.0};
  HGNN_MOE_ASSERT(dropout.rate > 0.0 && dropout.rate < 1.0, "rate {}", dropout.rate);
  return {key_pointer(dropout.keys_E), dropout.positions_N.const_data_ptr<std::int64_t>(),
          dropout.samples_N.const_data_ptr<std::int64_t>(), dropout_threshold(dropout.rate),
          1.0 / (1.0 - dropout.rate)};
}

// Tokens whose contributions to a sum are added before they join the others. Few chunks cost
// little; 64 of them keep as many threads busy.
std::int64_t tokens_of_chunk(std::int64_t tokens) {
  return std::max<std::int64_t>(32, (tokens + 63) / 64);
}

// The sums [E, D] or, in `parts` of them, [parts, E, D] that f(sums, begin, end) adds to for the
// tokens from begin to end: chunks on their own, then chunk after chunk.
template <typename F>
at::Tensor sum_over_tokens(std::int64_t tokens, std::vector<std::int64_t> shape,
                           const at::TensorOptions& options, F f) {
  const std::int64_t chunk = tokens_of_chunk(tokens), chunks = (tokens + chunk - 1) / chunk;
  shape.insert(shape.begin(), chunks);
  const at::Tensor sums = at::zeros(shape, options);
  at::parallel_for(0, chunks, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t c = first; c < last; ++c) {
      f(sums[c].mutable_data_ptr(), c * chunk, std::min(tokens, (c + 1) * chunk));
    }
  });
  return sum_in_order(sums);
}

}  // namespace

void residual_norm_cpu(CpuIsa isa, const ResidualNormInputs& in, ResidualNormOutputs& out) {
  const auto kernel = kernels(isa).residual_norm;
  const ResidualNormArguments a{kernel_type(in.y_NED),
                                in.y_NED.size(1),
                                in.y_NED.size(2),
                                in.x_ND.const_data_ptr(),
                                in.y_NED.const_data_ptr(),
                                in.bias_ED.const_data_ptr(),
                                in.gamma_ED.const_data_ptr(),
                                in.beta_ED.const_data_ptr(),
                                out.h_NED.mutable_data_ptr(),
                                out.z_NED.mutable_data_ptr(),
                                out.statistics_NE.mean.mutable_data_ptr(),
                                out.statistics_NE.reciprocal_deviation.mutable_data_ptr()};
  at::parallel_for(0, in.y_NED.size(0), tokens_at_once(a.experts, a.dim),
                   [&](std::int64_t begin, std::int64_t end) { kernel(a, begin, end); });
}

void residual_norm_gradient_cpu(CpuIsa isa, const ResidualNormGradientInputs& in,
                                ResidualNormGradients& d) {
  const auto kernel = kernels(isa).residual_norm_gradient;
  const ResidualNormGradientArguments a{kernel_type(in.d_z_NED),
                                        in.h_NED.size(1),
                                        in.h_NED.size(2),
                                        in.d_h_NED.const_data_ptr(),
                                        in.d_z_NED.const_data_ptr(),
                                        in.h_NED.const_data_ptr(),
                                        in.statistics_NE.mean.const_data_ptr(),
                                        in.statistics_NE.reciprocal_deviation.const_data_ptr(),
                                        in.gamma_ED.const_data_ptr(),
                                        d.d_y_NED.mutable_data_ptr(),
                                        d.d_x_ND.mutable_data_ptr()};
  const at::Tensor sums_3ED = sum_over_tokens(
      in.h_NED.size(0), {3, a.experts, a.dim}, in.gamma_ED.options(),
      [&](void* sums, std::int64_t begin, std::int64_t end) { kernel(a, sums, begin, end); });
  d.d_bias_ED.copy_(sums_3ED[0]);
  d.d_gamma_ED.copy_(sums_3ED[1]);
  d.d_beta_ED.copy_(sums_3ED[2]);
}

void norm_cpu(CpuIsa isa, const at::Tensor& x_ND, NormOutputs& out) {
  const auto kernel = kernels(isa).norm;
  const NormArguments a{kernel_type(out.xhat_ND),
                        x_ND.size(1),
                        x_ND.const_data_ptr(),
                        out.xhat_ND.mutable_data_ptr(),
                        out.statistics_N.mean.mutable_data_ptr(),
                        out.statistics_N.reciprocal_deviation.mutable_data_ptr()};
  at::parallel_for(0, x_ND.size(0), tokens_at_once(1, a.dim),
                   [&](std::int64_t begin, std::int64_t end) { kernel(a, begin, end); });
}

void norm_gradient_cpu(CpuIsa isa, const NormGradientInputs& in, at::Tensor& d_x_ND) {
  const auto kernel = kernels(isa).norm_gradient;
  const NormGradientArguments a{kernel_type(in.d_xhat_ND),
                                in.x_ND.size(1),
                                in.d_xhat_ND.const_data_ptr(),
                                in.x_ND.const_data_ptr(),
                                in.statistics_N.mean.const_data_ptr(),
                                in.statistics_N.reciprocal_deviation.const_data_ptr(),
                                d_x_ND.mutable_data_ptr()};
  at::parallel_for(0, in.x_ND.size(0), tokens_at_once(1, a.dim),
                   [&](std::int64_t begin, std::int64_t end) { kernel(a, begin, end); });
}

namespace {

GeluDropoutArguments gelu_dropout_arguments(const GeluDropoutInputs& in) {
  return {kernel_type(in.u_NEF),
          in.u_NEF.size(1),
          in.u_NEF.size(2),
          in.u_NEF.const_data_ptr(),
          in.bias_EF.const_data_ptr(),
          row_dropout(in.dropout)};
}

}  // namespace

void gelu_dropout_cpu(CpuIsa isa, const GeluDropoutInputs& in, at::Tensor& g_NEF) {
  const auto kernel = kernels(isa).gelu_dropout;
  const GeluDropoutArguments a = gelu_dropout_arguments(in);
  void* g = g_NEF.mutable_data_ptr();
  at::parallel_for(0, in.u_NEF.size(0), tokens_at_once(a.experts, a.dim),
                   [&](std::int64_t begin, std::int64_t end) { kernel(a, g, begin, end); });
}

void gelu_dropout_gradient_cpu(CpuIsa isa, const GeluDropoutInputs& in, const at::Tensor& d_g_NEF,
                               GeluDropoutGradients& d) {
  const auto kernel = kernels(isa).gelu_dropout_gradient;
  const GeluDropoutArguments a = gelu_dropout_arguments(in);
  const void* d_g = d_g_NEF.const_data_ptr();
  void* d_u = d.d_u_NEF.mutable_data_ptr();
  d.d_bias_EF.copy_(sum_over_tokens(in.u_NEF.size(0), {a.experts, a.dim}, in.bias_EF.options(),
                                    [&](void* sums, std::int64_t begin, std::int64_t end) {
                                      kernel(a, d_g, d_u, sums, begin, end);
                                    }));
}

void dropout_residual_cpu(CpuIsa isa, const DropoutResidualInputs& in, at::Tensor& out_NED) {
  const auto kernel = kernels(isa).dropout_residual;
  const DropoutResidualArguments a{kernel_type(in.y_NED),      in.y_NED.size(1),
                                   in.y_NED.size(2),           in.h_NED.const_data_ptr(),
                                   in.y_NED.const_data_ptr(),  in.bias_ED.const_data_ptr(),
                                   out_NED.mutable_data_ptr(), row_dropout(in.dropout)};
  at::parallel_for(0, in.y_NED.size(0), tokens_at_once(a.experts, a.dim),
                   [&](std::int64_t begin, std::int64_t end) { kernel(a, begin, end); });
}

void dropout_residual_gradient_cpu(CpuIsa isa, const at::Tensor& d_out_NED,
                                   const ExpertDropout& dropout, DropoutResidualGradients& d) {
  const auto kernel = kernels(isa).dropout_residual_gradient;
  const DropoutResidualGradientArguments a{kernel_type(d.d_y_NED),
                                           d_out_NED.size(1),
                                           d_out_NED.size(2),
                                           d_out_NED.const_data_ptr(),
                                           d.d_y_NED.mutable_data_ptr(),
                                           row_dropout(dropout)};
  d.d_bias_ED.copy_(sum_over_tokens(
      d_out_NED.size(0), {a.experts, a.dim}, d_out_NED.options(),
      [&](void* sums, std::int64_t begin, std::int64_t end) { kernel(a, sums, begin, end); }));
}

void scale_columns_cpu(CpuIsa isa, const at::Tensor& weight_EOD, const at::Tensor& gamma_ED,
                       at::Tensor& out_EOD) {
  const auto kernel = kernels(isa).scale_columns;
  const ScaleColumnsArguments a{kernel_type(out_EOD),      weight_EOD.size(1),
                                weight_EOD.size(2),        weight_EOD.const_data_ptr(),
                                gamma_ED.const_data_ptr(), out_EOD.mutable_data_ptr()};
  at::parallel_for(0, weight_EOD.size(0) * a.rows, tokens_at_once(1, a.dim),
                   [&](std::int64_t begin, std::int64_t end) { kernel(a, begin, end); });
}

}  // namespace hgnn_moe::ops
