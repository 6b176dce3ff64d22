// The head and its loss: a linear layer over the vocabulary and the cross entropy of its logits, of
// which only some rows exist at a time.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

inline constexpr std::int64_t kLogitBytes = 192 << 20;

// Logits are hidden W^T + b for K rows: hidden_KD [K, D], weight_VD [V, D], bias_V [V];
// targets_K [K] int64 in [0, V). `products` is the type of what matrix products take and give:
// hidden's, or bfloat16 beside float32. Before b is added logits are rounded to it, so is their
// gradient and, except on a GPU, what each chunk of rows adds to those of hidden and W. Softmax,
// losses and the sum over chunks keep hidden's type.
// The logits of as many rows as fit into `logit_bytes` exist at a time; on a CPU in float32 besides
// where `products` is another type.
struct LinearCrossEntropyInputs {
  at::Tensor hidden_KD, weight_VD, bias_V, targets_K;
  at::ScalarType products;
  std::int64_t logit_bytes = kLogitBytes;
  at::Tensor rounded_weight_VD = {};  // W in `products`, where it is at hand
  // [K] of hidden's type, a factor of each row's loss; undefined: 1. A row of weight 0 adds exactly
  // nothing to loss and gradients. Rounded to `products` in the gradient of W: 0 and 1 are exact.
  at::Tensor weights_K = {};
};

// -log softmax(logits_k)[target_k] of each row times its weight, [K], without a gradient.
at::Tensor linear_cross_entropy_losses(const LinearCrossEntropyInputs& in);

// The sum of those times `scale`, a scalar. Where a gradient is needed, those of hidden, W and b
// are computed in the same pass, while a chunk's logits are there; the backward pass only hands
// them on, and can do so once.
at::Tensor linear_cross_entropy(const LinearCrossEntropyInputs& in, double scale);

// The same with all logits at once and PyTorch's own derivative.
at::Tensor linear_cross_entropy_reference(const LinearCrossEntropyInputs& in, double scale);

// Rows whose logits are made together: chunks as equal as can be, none above the limit unless it is
// a single row.
std::int64_t logit_rows(std::int64_t rows, std::int64_t row_bytes, std::int64_t logit_bytes);

}  // namespace hgnn_moe::ops
