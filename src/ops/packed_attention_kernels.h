// Implementations of packed_attention: qkv [N, E, 3, A, d] contiguous, arguments checked by the
// caller.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/cpu_isa.h"
#include "hgnn_moe/ops/packed_samples.h"

namespace hgnn_moe::ops {

struct AttentionDropout {
  double rate;
  at::Tensor keys_E;  // see dropout_keys; unused with rate 0
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

// Differentiable, on padded samples, for all but the CPU's kernels and the next one. Without
// dropout it is LibTorch's attention; with dropout products of whole matrices and what
// attention_rows.h has between them, and of a layer only qkv and log-sum-exp are kept.
at::Tensor packed_attention_padded(const at::Tensor& qkv, const PackedSamples& samples,
                                   const AttentionDropout& dropout);

// Differentiable, on packed samples without padding: LibTorch's flash attention. Whether it serves
// qkv ...
bool serves_flash_attention(const at::Tensor& qkv, double dropout_rate);
// ... where this tells of heads of `dim` features on a GPU of compute capability 8.0 as 80,
// backward pass included ...
bool flash_serves_heads(std::int64_t dim, int capability);
// ... and its result.
at::Tensor packed_attention_flash(const at::Tensor& qkv, const PackedSamples& samples);

}  // namespace hgnn_moe::ops
