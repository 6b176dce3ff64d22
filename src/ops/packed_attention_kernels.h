// Implementations of packed_attention: qkv [N, E, 3, A, d] contiguous, arguments checked by the
// caller.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/cpu_isa.h"
#include "hgnn_moe/ops/packed_samples.h"

namespace hgnn_moe::ops {

struct AttentionDropout {
  double rate;
  std::vector<std::uint64_t> keys;  // [E], or unused with rate 0
};

// Writes out [N, E, A, d] of qkv's type and, of every query's scores, log_sum_exp_NEA of float64
// beside float64, else of float32.
void packed_attention_cpu(CpuIsa isa, const at::Tensor& qkv, const PackedSamples& samples,
                          const AttentionDropout& dropout, at::Tensor& out,
                          at::Tensor& log_sum_exp_NEA);

// Writes d_qkv. The probabilities and their masks are computed again.
void packed_attention_gradient_cpu(CpuIsa isa, const at::Tensor& d_out, const at::Tensor& qkv,
                                   const at::Tensor& log_sum_exp_NEA, const PackedSamples& samples,
                                   const AttentionDropout& dropout, at::Tensor& d_qkv);

// In differentiable ATen operations on padded tensors, for what no kernel serves.
at::Tensor packed_attention_aten(const at::Tensor& qkv, const PackedSamples& samples,
                                 const AttentionDropout& dropout);

}  // namespace hgnn_moe::ops
