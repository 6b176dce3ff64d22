// The loss of rows of logits and its gradient in one pass, in the logits' own memory: the head on a
// GPU.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// products_KV [K, V] and bias_V give the logits; weights_K as in linear_cross_entropy. Elements of
// a row stand side by side; rows may stand further apart, which lets a kernel read them in aligned
// packs, and what is between them may be overwritten. Writes losses_K and, with `gradient`, the
// derivative of their sum by the logits over products_KV, rounded to its type. bias, weights and
// losses are float64 beside float64, else float32.
void cross_entropy_rows(at::Tensor& products_KV, const at::Tensor& bias_V,
                        const at::Tensor& targets_K, const at::Tensor& weights_K, bool gradient,
                        at::Tensor& losses_K);

// It takes this on a GPU, with the body of cuda/cross_entropy_body.h ...
void cross_entropy_rows_cuda(at::Tensor& products_KV, const at::Tensor& bias_V,
                             const at::Tensor& targets_K, const at::Tensor& weights_K,
                             bool gradient, at::Tensor& losses_K);
// ... and this, plain ATen, elsewhere.
void cross_entropy_rows_aten(at::Tensor& products_KV, const at::Tensor& bias_V,
                             const at::Tensor& targets_K, const at::Tensor& weights_K,
                             bool gradient, at::Tensor& losses_K);

// From row to row of a buffer of logits, so that products of any vocabulary are as fast as they can
// be, and packs are aligned.
std::int64_t logit_stride(std::int64_t vocabulary);

}  // namespace hgnn_moe::ops
