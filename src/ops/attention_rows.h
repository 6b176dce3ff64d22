// What stands between the two matrix products of attention: a causal softmax with dropout, and its
// gradient, on whole matrices of scores. No autograd.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "packed_attention_kernels.h"

namespace hgnn_moe::ops {

// H = E A B matrices of T x T, experts outermost. Row t holds the scores of query t, of which keys
// up to t count: s = scale score, p = softmax(s), kept = p where counter_dropout with the expert's
// key keeps it, scaled by 1 / (1 - rate), else 0. The rate is not 0: LibTorch's attention serves
// without dropout.
struct AttentionRows {
  std::int64_t experts, heads;
  double scale;
  AttentionDropout dropout;
  at::Tensor sample_indices_B;

  std::int64_t batch() const { return sample_indices_B.size(0); }
};

// scores_HTT of float32, or float64, contiguous. Writes kept_HTT, of the type of the products, and
// log_sum_exp_HT of s, of the scores' type.
void attention_rows(const AttentionRows& rows, const at::Tensor& scores_HTT, at::Tensor& kept_HTT,
                    at::Tensor& log_sum_exp_HT);

struct AttentionRowsGradientInputs {
  at::Tensor scores_HTT, log_sum_exp_HT;
  at::Tensor d_kept_HTT;  // of the scores' type
};
// Of the type of the products.
struct AttentionRowsGradients {
  at::Tensor kept_HTT;      // once more
  at::Tensor d_scores_HTT;  // with the scale
};
// Draws the masks again.
void attention_rows_gradient(const AttentionRows& rows, const AttentionRowsGradientInputs& in,
                             AttentionRowsGradients& d);

// The operations above take these on a GPU, with bodies of cuda/attention_rows_body.h ...
void attention_rows_cuda(const AttentionRows& rows, const at::Tensor& scores_HTT,
                         at::Tensor& kept_HTT, at::Tensor& log_sum_exp_HT);
void attention_rows_gradient_cuda(const AttentionRows& rows, const AttentionRowsGradientInputs& in,
                                  AttentionRowsGradients& d);

// ... and these, plain ATen, elsewhere.
void attention_rows_aten(const AttentionRows& rows, const at::Tensor& scores_HTT,
                         at::Tensor& kept_HTT, at::Tensor& log_sum_exp_HT);
void attention_rows_gradient_aten(const AttentionRows& rows, const AttentionRowsGradientInputs& in,
                                  AttentionRowsGradients& d);

}  // namespace hgnn_moe::ops
