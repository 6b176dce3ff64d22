// Which implementation serves: the CPU's vector kernels, those of a GPU, else plain ATen. They
// record themselves for profiles, because PyTorch's dispatcher does not know them, with all that
// they read and write.
#include <vector>

#include <ATen/record_function.h>

#include "cpu_launch.h"
#include "expert_block_kernels.h"

namespace hgnn_moe::ops {

namespace {

// Rows of features that the kernels of norms keep in shared memory at most, with some room.
[[maybe_unused]] constexpr std::int64_t kRowsInSharedMemory = 6;
// Every device from compute capability 8.0 on has 99 KiB.
[[maybe_unused]] constexpr std::int64_t kSharedMemory = 96 * 1024;

// `features` is D: where F = 4 D, only one row of them is kept.
template <typename OnCpu, typename OnCuda, typename Otherwise>
void on_device(const at::Tensor& x, [[maybe_unused]] std::int64_t features, OnCpu on_cpu,
               [[maybe_unused]] OnCuda on_cuda, Otherwise otherwise) {
  if (has_cpu_kernel(x)) return on_cpu(cpu_isa());
#ifdef HGNN_MOE_CUDA
  const std::int64_t row = features * (x.scalar_type() == at::kDouble ? 8 : 4);
  if (x.is_cuda() && has_kernel_type(x.scalar_type()) &&
      kRowsInSharedMemory * row <= kSharedMemory) {
    return on_cuda();
  }
#endif
  otherwise();
}

}  // namespace

void residual_norm(const ResidualNormInputs& in, ResidualNormOutputs& out) {
  RECORD_FUNCTION("hgnn_moe::residual_norm",
                  std::vector<c10::IValue>({in.x_ND, in.y_NED, out.h_NED, out.z_NED}));
  on_device(
      in.y_NED, in.y_NED.size(2), [&](CpuIsa isa) { residual_norm_cpu(isa, in, out); },
      [&] { residual_norm_cuda(in, out); }, [&] { residual_norm_aten(in, out); });
}

void residual_norm_gradient(const ResidualNormGradientInputs& in, ResidualNormGradients& d) {
  RECORD_FUNCTION(
      "hgnn_moe::residual_norm_gradient",
      std::vector<c10::IValue>({in.d_h_NED, in.d_z_NED, in.h_NED, d.d_y_NED, d.d_x_ND}));
  on_device(
      in.d_z_NED, in.d_z_NED.size(2), [&](CpuIsa isa) { residual_norm_gradient_cpu(isa, in, d); },
      [&] { residual_norm_gradient_cuda(in, d); }, [&] { residual_norm_gradient_aten(in, d); });
}

void norm(const at::Tensor& x_ND, NormOutputs& out) {
  RECORD_FUNCTION("hgnn_moe::norm", std::vector<c10::IValue>({x_ND, out.xhat_ND}));
  on_device(
      out.xhat_ND, x_ND.size(1), [&](CpuIsa isa) { norm_cpu(isa, x_ND, out); },
      [&] { norm_cuda(x_ND, out); }, [&] { norm_aten(x_ND, out); });
}

void norm_gradient(const NormGradientInputs& in, at::Tensor& d_x_ND) {
  RECORD_FUNCTION("hgnn_moe::norm_gradient",
                  std::vector<c10::IValue>({in.d_xhat_ND, in.x_ND, d_x_ND}));
  on_device(
      in.d_xhat_ND, in.x_ND.size(1), [&](CpuIsa isa) { norm_gradient_cpu(isa, in, d_x_ND); },
      [&] { norm_gradient_cuda(in, d_x_ND); }, [&] { norm_gradient_aten(in, d_x_ND); });
}

void gelu_dropout(const GeluDropoutInputs& in, at::Tensor& g_NEF) {
  RECORD_FUNCTION("hgnn_moe::gelu_dropout", std::vector<c10::IValue>({in.u_NEF, g_NEF}));
  on_device(
      in.u_NEF, in.u_NEF.size(2) / 4, [&](CpuIsa isa) { gelu_dropout_cpu(isa, in, g_NEF); },
      [&] { gelu_dropout_cuda(in, g_NEF); }, [&] { gelu_dropout_aten(in, g_NEF); });
}

void gelu_dropout_gradient(const GeluDropoutInputs& in, const at::Tensor& d_g_NEF,
                           GeluDropoutGradients& d) {
  RECORD_FUNCTION("hgnn_moe::gelu_dropout_gradient",
                  std::vector<c10::IValue>({in.u_NEF, d_g_NEF, d.d_u_NEF}));
  on_device(
      in.u_NEF, in.u_NEF.size(2) / 4,
      [&](CpuIsa isa) { gelu_dropout_gradient_cpu(isa, in, d_g_NEF, d); },
      [&] { gelu_dropout_gradient_cuda(in, d_g_NEF, d); },
      [&] { gelu_dropout_gradient_aten(in, d_g_NEF, d); });
}

void dropout_residual(const DropoutResidualInputs& in, at::Tensor& out_NED) {
  RECORD_FUNCTION("hgnn_moe::dropout_residual",
                  std::vector<c10::IValue>({in.h_NED, in.y_NED, out_NED}));
  on_device(
      in.y_NED, in.y_NED.size(2), [&](CpuIsa isa) { dropout_residual_cpu(isa, in, out_NED); },
      [&] { dropout_residual_cuda(in, out_NED); }, [&] { dropout_residual_aten(in, out_NED); });
}

void dropout_residual_gradient(const at::Tensor& d_out_NED, const ExpertDropout& dropout,
                               DropoutResidualGradients& d) {
  RECORD_FUNCTION("hgnn_moe::dropout_residual_gradient",
                  std::vector<c10::IValue>({d_out_NED, d.d_y_NED}));
  on_device(
      d.d_y_NED, d_out_NED.size(2),
      [&](CpuIsa isa) { dropout_residual_gradient_cpu(isa, d_out_NED, dropout, d); },
      [&] { dropout_residual_gradient_cuda(d_out_NED, dropout, d); },
      [&] { dropout_residual_gradient_aten(d_out_NED, dropout, d); });
}

void scale_columns(const at::Tensor& weight_EOD, const at::Tensor& gamma_ED, at::Tensor& out_EOD) {
  RECORD_FUNCTION("hgnn_moe::scale_columns", std::vector<c10::IValue>({weight_EOD, out_EOD}));
  if (has_cpu_kernel(out_EOD)) return scale_columns_cpu(cpu_isa(), weight_EOD, gamma_ED, out_EOD);
  scale_columns_aten(weight_EOD, gamma_ED, out_EOD);
}

}  // namespace hgnn_moe::ops
