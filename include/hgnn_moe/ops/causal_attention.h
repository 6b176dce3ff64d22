// Causal scaled dot-product attention with dropout from counters.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/counter_dropout.h"

namespace hgnn_moe::ops {

// q, k, v [B, A, T, D/A]; position t attends to positions up to t, scores scaled by
// 1/sqrt(D/A). Dropout acts on the attention probabilities. Padding stands on the right of a
// sample, so real positions never see it and no padding mask is needed. Returns [B, A, T, D/A].
// Without dropout it is at::scaled_dot_product_attention, else the explicit form.
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const DropoutStream& dropout, const at::Tensor& sample_indices_B);

// softmax(q k^T / sqrt(D/A) + mask), dropout, times v.
at::Tensor causal_attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                      const DropoutStream& dropout,
                                      const at::Tensor& sample_indices_B);

}  // namespace hgnn_moe::ops
