#include <ATen/ATen.h>

#include "attention_rows.h"
#include "attention_rows_launch.h"
#include "cuda/launch.cuh"

namespace hgnn_moe::ops {

void attention_rows_cuda(const AttentionRows& rows, const at::Tensor& scores_HTT,
                         at::Tensor& kept_HTT, at::Tensor& log_sum_exp_HT) {
  cuda::GpuLauncher launcher(scores_HTT.device());
  cuda::launch_attention_rows(rows, scores_HTT, kept_HTT, log_sum_exp_HT, launcher);
}

void attention_rows_gradient_cuda(const AttentionRows& rows, const AttentionRowsGradientInputs& in,
                                  AttentionRowsGradients& d) {
  cuda::GpuLauncher launcher(in.scores_HTT.device());
  cuda::launch_attention_rows_gradient(rows, in, d, launcher);
}

}  // namespace hgnn_moe::ops
