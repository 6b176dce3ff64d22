#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>

#include "cuda/launch.cuh"
#include "expert_block_kernels.h"
#include "expert_block_launch.h"

namespace hgnn_moe::ops {

void residual_norm_cuda(const ResidualNormInputs& in, ResidualNormOutputs& out) {
  cuda::GpuLauncher launcher(in.y_NED.device());
  cuda::launch_residual_norm(in, out, launcher);
}

void residual_norm_gradient_cuda(const ResidualNormGradientInputs& in, ResidualNormGradients& d) {
  cuda::GpuLauncher launcher(in.h_NED.device());
  cuda::launch_residual_norm_gradient(in, d, launcher);
}

void norm_cuda(const at::Tensor& x_ND, NormOutputs& out) {
  cuda::GpuLauncher launcher(x_ND.device());
  cuda::launch_norm(x_ND, out, launcher);
}

void norm_gradient_cuda(const NormGradientInputs& in, at::Tensor& d_x_ND) {
  cuda::GpuLauncher launcher(in.x_ND.device());
  cuda::launch_norm_gradient(in, d_x_ND, launcher);
}

void gelu_dropout_cuda(const GeluDropoutInputs& in, at::Tensor& g_NEF) {
  cuda::GpuLauncher launcher(in.u_NEF.device());
  cuda::launch_gelu_dropout(in, g_NEF, launcher);
}

void gelu_dropout_gradient_cuda(const GeluDropoutInputs& in, const at::Tensor& d_g_NEF,
                                GeluDropoutGradients& d) {
  cuda::GpuLauncher launcher(in.u_NEF.device());
  cuda::launch_gelu_dropout_gradient(in, d_g_NEF, d, launcher);
}

void dropout_residual_cuda(const DropoutResidualInputs& in, at::Tensor& out_NED) {
  cuda::GpuLauncher launcher(in.y_NED.device());
  cuda::launch_dropout_residual(in, out_NED, launcher);
}

void dropout_residual_gradient_cuda(const at::Tensor& d_out_NED, const ExpertDropout& dropout,
                                    DropoutResidualGradients& d) {
  cuda::GpuLauncher launcher(d_out_NED.device());
  cuda::launch_dropout_residual_gradient(d_out_NED, dropout, d, launcher);
}

}  // namespace hgnn_moe::ops
