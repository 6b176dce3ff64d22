// Causal self-attention of packed samples, all experts and heads of a layer in one operation.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/packed_samples.h"

namespace hgnn_moe::ops {

// qkv [N, E, 3, A, d], contiguous: queries, keys and values of every token. Position t of a sample
// attends to its positions up to t, scores scaled by 1/sqrt(d). Expert e drops the probability of
// (sample s, head a, query t, key f) where counter_dropout with the stream {dropout_rate,
// dropout_keys_E[e]} drops that element of [B, A, T, F]; with rate 0 the keys are not read. Returns
// [N, E, A, d] of qkv's type; softmax and sums in float32, float64 beside float64. Differentiable
// in qkv. Of the probabilities only their log-sum-exp is kept: the backward pass, and its masks,
// are computed from it. On a CPU every sample's numbers are the same to the bit whatever it is
// packed with and for any number of threads. On a GPU bfloat16 without dropout is LibTorch's flash
// attention; all else is products of padded matrices with a kernel for softmax and dropout between
// them.
at::Tensor packed_attention(const at::Tensor& qkv, const PackedSamples& samples,
                            double dropout_rate, const at::Tensor& dropout_keys_E);

// The same, expert by expert and sample by sample, by causal_attention_reference.
at::Tensor packed_attention_reference(const at::Tensor& qkv, const PackedSamples& samples,
                                      double dropout_rate, const at::Tensor& dropout_keys_E);

}  // namespace hgnn_moe::ops
