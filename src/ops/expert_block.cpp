// Which implementation serves: the CPU's vector kernels, else plain ATen.
#include "cpu_launch.h"
#include "expert_block_kernels.h"

namespace hgnn_moe::ops {

void residual_norm(const ResidualNormInputs& in, ResidualNormOutputs& out) {
  if (has_cpu_kernel(in.y_NED)) return residual_norm_cpu(cpu_isa(), in, out);
  residual_norm_aten(in, out);
}

void residual_norm_gradient(const ResidualNormGradientInputs& in, ResidualNormGradients& d) {
  if (has_cpu_kernel(in.d_z_NED)) return residual_norm_gradient_cpu(cpu_isa(), in, d);
  residual_norm_gradient_aten(in, d);
}

void norm(const at::Tensor& x_ND, NormOutputs& out) {
  if (has_cpu_kernel(out.xhat_ND)) return norm_cpu(cpu_isa(), x_ND, out);
  norm_aten(x_ND, out);
}

void norm_gradient(const NormGradientInputs& in, at::Tensor& d_x_ND) {
  if (has_cpu_kernel(in.d_xhat_ND)) return norm_gradient_cpu(cpu_isa(), in, d_x_ND);
  norm_gradient_aten(in, d_x_ND);
}

void gelu_dropout(const GeluDropoutInputs& in, at::Tensor& g_NEF) {
  if (has_cpu_kernel(in.u_NEF)) return gelu_dropout_cpu(cpu_isa(), in, g_NEF);
  gelu_dropout_aten(in, g_NEF);
}

void gelu_dropout_gradient(const GeluDropoutInputs& in, const at::Tensor& d_g_NEF,
                           GeluDropoutGradients& d) {
  if (has_cpu_kernel(in.u_NEF)) return gelu_dropout_gradient_cpu(cpu_isa(), in, d_g_NEF, d);
  gelu_dropout_gradient_aten(in, d_g_NEF, d);
}

void dropout_residual(const DropoutResidualInputs& in, at::Tensor& out_NED) {
  if (has_cpu_kernel(in.y_NED)) return dropout_residual_cpu(cpu_isa(), in, out_NED);
  dropout_residual_aten(in, out_NED);
}

void dropout_residual_gradient(const at::Tensor& d_out_NED, const ExpertDropout& dropout,
                               DropoutResidualGradients& d) {
  if (has_cpu_kernel(d.d_y_NED)) {
    return dropout_residual_gradient_cpu(cpu_isa(), d_out_NED, dropout, d);
  }
  dropout_residual_gradient_aten(d_out_NED, dropout, d);
}

}  // namespace hgnn_moe::ops
