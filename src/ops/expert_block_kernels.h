// What stands between the matrix products of the experts' transformer blocks: bias, dropout,
// residual, normalisation and GELU, fused so that every tensor is read once and written once. No
// autograd: each operation comes with its gradient.
//
// N packed tokens (no padding), E experts, D features, F = 4D. Tensors are contiguous and on one
// device; the caller has checked shapes and allocated all outputs, which are overwritten except
// where it says "added to". P is the type of the matrix products: float32, bfloat16 or float64.
// Everything else is state: float64 where P is, else float32, and all sums are computed in it. Sums
// over tokens are added in an order that depends on the shape alone, so no result depends on the
// number of threads.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/cpu_isa.h"
#include "hgnn_moe/ops/norm_epsilon.h"

namespace hgnn_moe::ops {

// Of the rows of a tensor [..., D]; state [...].
struct NormStatistics {
  at::Tensor mean;
  at::Tensor reciprocal_deviation;  // 1 / sqrt(variance + kNormEpsilon)
};

// Element (n, e, f) is kept where word f % 4 of philox(keys_E[e], {f / 4, positions_N[n],
// samples_N[n], 0}) >= dropout_threshold(rate), and then scaled by 1 / (1 - rate): counter_dropout
// of x [B, T, F] with the experts' keys, whatever the packing. A dropped element is 0 even where it
// was not a number.
struct ExpertDropout {
  double rate = 0.0;                  // in [0, 1); 0 draws nothing, and the rest is not read
  at::Tensor keys_E;                  // see dropout_keys
  at::Tensor positions_N, samples_N;  // int64
};

// h = x_n + y_ne + bias_e, then z = norm(h) gamma_e + beta_e.
struct ResidualNormInputs {
  at::Tensor x_ND;
  at::Tensor y_NED;  // P
  at::Tensor bias_ED, gamma_ED, beta_ED;
};
struct ResidualNormOutputs {
  at::Tensor h_NED;
  at::Tensor z_NED;  // P; may be y_NED
  NormStatistics statistics_NE;
};
void residual_norm(const ResidualNormInputs& in, ResidualNormOutputs& out);

struct ResidualNormGradientInputs {
  at::Tensor d_h_NED;  // what reaches h by the residual that follows
  at::Tensor d_z_NED;  // P
  at::Tensor h_NED;
  NormStatistics statistics_NE;
  at::Tensor gamma_ED;
};
struct ResidualNormGradients {
  at::Tensor d_y_NED;  // P
  at::Tensor d_x_ND;   // added to, expert after expert
  at::Tensor d_bias_ED, d_gamma_ED, d_beta_ED;
};
void residual_norm_gradient(const ResidualNormGradientInputs& in, ResidualNormGradients& d);

// xhat = norm(x), without gamma and beta.
struct NormOutputs {
  at::Tensor xhat_ND;  // P
  NormStatistics statistics_N;
};
void norm(const at::Tensor& x_ND, NormOutputs& out);

struct NormGradientInputs {
  at::Tensor d_xhat_ND;  // P, or state beside any P
  at::Tensor x_ND;
  NormStatistics statistics_N;
};
// d_x_ND is added to.
void norm_gradient(const NormGradientInputs& in, at::Tensor& d_x_ND);

// g = dropout(gelu(u + bias_e)), the exact form with erf.
struct GeluDropoutInputs {
  at::Tensor u_NEF;  // P
  at::Tensor bias_EF;
  ExpertDropout dropout;
};
// g_NEF: P.
void gelu_dropout(const GeluDropoutInputs& in, at::Tensor& g_NEF);

struct GeluDropoutGradients {
  at::Tensor d_u_NEF;  // P
  at::Tensor d_bias_EF;
};
// Draws the masks again.
void gelu_dropout_gradient(const GeluDropoutInputs& in, const at::Tensor& d_g_NEF,
                           GeluDropoutGradients& d);

// out = h + dropout(y + bias_e).
struct DropoutResidualInputs {
  at::Tensor h_NED;
  at::Tensor y_NED;  // P
  at::Tensor bias_ED;
  ExpertDropout dropout;
};
// out_NED: state.
void dropout_residual(const DropoutResidualInputs& in, at::Tensor& out_NED);

struct DropoutResidualGradients {
  at::Tensor d_y_NED;  // P
  at::Tensor d_bias_ED;
};
// Draws the masks again. The gradient of h is d_out_NED itself.
void dropout_residual_gradient(const at::Tensor& d_out_NED, const ExpertDropout& dropout,
                               DropoutResidualGradients& d);

// out_eod = weight_eod gamma_ed, rounded as a cast of PyTorch's rounds; weight of the state's type,
// out of that or of P.
void scale_columns(const at::Tensor& weight_EOD, const at::Tensor& gamma_ED, at::Tensor& out_EOD);

// The operations above take these on the CPU ...
void residual_norm_cpu(CpuIsa isa, const ResidualNormInputs& in, ResidualNormOutputs& out);
void residual_norm_gradient_cpu(CpuIsa isa, const ResidualNormGradientInputs& in,
                                ResidualNormGradients& d);
void norm_cpu(CpuIsa isa, const at::Tensor& x_ND, NormOutputs& out);
void norm_gradient_cpu(CpuIsa isa, const NormGradientInputs& in, at::Tensor& d_x_ND);
void gelu_dropout_cpu(CpuIsa isa, const GeluDropoutInputs& in, at::Tensor& g_NEF);
void gelu_dropout_gradient_cpu(CpuIsa isa, const GeluDropoutInputs& in, const at::Tensor& d_g_NEF,
                               GeluDropoutGradients& d);
void dropout_residual_cpu(CpuIsa isa, const DropoutResidualInputs& in, at::Tensor& out_NED);
void dropout_residual_gradient_cpu(CpuIsa isa, const at::Tensor& d_out_NED,
                                   const ExpertDropout& dropout, DropoutResidualGradients& d);
void scale_columns_cpu(CpuIsa isa, const at::Tensor& weight_EOD, const at::Tensor& gamma_ED,
                       at::Tensor& out_EOD);

// ... these on a GPU, with bodies of cuda/expert_norm_body.h and cuda/expert_dropout_body.h ...
void residual_norm_cuda(const ResidualNormInputs& in, ResidualNormOutputs& out);
void residual_norm_gradient_cuda(const ResidualNormGradientInputs& in, ResidualNormGradients& d);
void norm_cuda(const at::Tensor& x_ND, NormOutputs& out);
void norm_gradient_cuda(const NormGradientInputs& in, at::Tensor& d_x_ND);
void gelu_dropout_cuda(const GeluDropoutInputs& in, at::Tensor& g_NEF);
void gelu_dropout_gradient_cuda(const GeluDropoutInputs& in, const at::Tensor& d_g_NEF,
                                GeluDropoutGradients& d);
void dropout_residual_cuda(const DropoutResidualInputs& in, at::Tensor& out_NED);
void dropout_residual_gradient_cuda(const at::Tensor& d_out_NED, const ExpertDropout& dropout,
                                    DropoutResidualGradients& d);

// ... and these, plain ATen with the formulas written out, elsewhere.
void residual_norm_aten(const ResidualNormInputs& in, ResidualNormOutputs& out);
void residual_norm_gradient_aten(const ResidualNormGradientInputs& in, ResidualNormGradients& d);
void norm_aten(const at::Tensor& x_ND, NormOutputs& out);
void norm_gradient_aten(const NormGradientInputs& in, at::Tensor& d_x_ND);
void gelu_dropout_aten(const GeluDropoutInputs& in, at::Tensor& g_NEF);
void gelu_dropout_gradient_aten(const GeluDropoutInputs& in, const at::Tensor& d_g_NEF,
                                GeluDropoutGradients& d);
void dropout_residual_aten(const DropoutResidualInputs& in, at::Tensor& out_NED);
void dropout_residual_gradient_aten(const at::Tensor& d_out_NED, const ExpertDropout& dropout,
                                    DropoutResidualGradients& d);
void scale_columns_aten(const at::Tensor& weight_EOD, const at::Tensor& gamma_ED,
                        at::Tensor& out_EOD);

}  // namespace hgnn_moe::ops
