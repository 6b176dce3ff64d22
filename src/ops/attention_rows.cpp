#include "attention_rows.h"

#include <limits>

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "counter_dropout_kernels.h"
#include "cpu_launch.h"

namespace hgnn_moe::ops {

namespace {

at::Tensor future(const at::Tensor& scores_HTT) {
  const std::int64_t length = scores_HTT.size(1);
  return at::ones({length, length}, scores_HTT.options().dtype(at::kBool)).triu(1);
}

at::Tensor scaled(const AttentionRows& rows, const at::Tensor& scores_HTT) {
  return (scores_HTT * rows.scale)
      .masked_fill(future(scores_HTT), -std::numeric_limits<double>::infinity());
}

// What each probability is multiplied by: 0 or 1 / (1 - rate).
at::Tensor factors(const AttentionRows& rows, const at::Tensor& scores_HTT) {
  const std::int64_t length = scores_HTT.size(1);
  std::vector<at::Tensor> experts;
  for (std::int64_t e = 0; e < rows.experts; ++e) {
    const at::Tensor ones_BATT =
        at::ones({rows.batch(), rows.heads, length, length}, scores_HTT.options());
    experts.push_back(counter_dropout_reference(
        ones_BATT, {rows.dropout.rate, rows.dropout.keys_E[e]}, rows.sample_indices_B));
  }
  return at::stack(experts).transpose(1, 2).reshape(scores_HTT.sizes());
}

}  // namespace

void attention_rows_aten(const AttentionRows& rows, const at::Tensor& scores_HTT,
                         at::Tensor& kept_HTT, at::Tensor& log_sum_exp_HT) {
  const at::Tensor s_HTT = scaled(rows, scores_HTT);
  log_sum_exp_HT.copy_(s_HTT.logsumexp(-1));
  kept_HTT.copy_(s_HTT.softmax(-1) * factors(rows, scores_HTT));
}

// With p = softmax(s) and kept = f p: ds = p (f d_kept - sum of kept d_kept).
void attention_rows_gradient_aten(const AttentionRows& rows, const AttentionRowsGradientInputs& in,
                                  AttentionRowsGradients& d) {
  const at::Tensor p_HTT = (scaled(rows, in.scores_HTT) - in.log_sum_exp_HT.unsqueeze(-1)).exp();
  const at::Tensor d_p_HTT = in.d_kept_HTT * factors(rows, in.scores_HTT);
  d.kept_HTT.copy_(p_HTT * factors(rows, in.scores_HTT));
  d.d_scores_HTT.copy_(rows.scale * p_HTT *
                       (d_p_HTT - (p_HTT * d_p_HTT).sum(-1, /*keepdim=*/true)));
}

void attention_rows(const AttentionRows& rows, const at::Tensor& scores_HTT, at::Tensor& kept_HTT,
                    at::Tensor& log_sum_exp_HT) {
  RECORD_FUNCTION("hgnn_moe::attention_rows", std::vector<c10::IValue>({scores_HTT, kept_HTT}));
#ifdef HGNN_MOE_CUDA
  if (kept_HTT.is_cuda() && has_kernel_type(kept_HTT.scalar_type())) {
    return attention_rows_cuda(rows, scores_HTT, kept_HTT, log_sum_exp_HT);
  }
#endif
  attention_rows_aten(rows, scores_HTT, kept_HTT, log_sum_exp_HT);
}

void attention_rows_gradient(const AttentionRows& rows, const AttentionRowsGradientInputs& in,
                             AttentionRowsGradients& d) {
  RECORD_FUNCTION(
      "hgnn_moe::attention_rows_gradient",
      std::vector<c10::IValue>({in.scores_HTT, in.d_kept_HTT, d.kept_HTT, d.d_scores_HTT}));
#ifdef HGNN_MOE_CUDA
  if (d.kept_HTT.is_cuda() && has_kernel_type(d.kept_HTT.scalar_type())) {
    return attention_rows_gradient_cuda(rows, in, d);
  }
#endif
  attention_rows_gradient_aten(rows, in, d);
}

}  // namespace hgnn_moe::ops
