// Launchers of expert_mix: contiguous tensors, shapes checked by the caller.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/cpu_isa.h"

namespace hgnn_moe::ops {

struct ExpertMixShape {
  std::int64_t tokens, rows, experts, dim;
  bool per_token;  // the mixing is [tokens, rows, experts], else [rows, experts]
};

// out [N, R, D] = mixing x. x and out of float64, float32 or bfloat16; the mixing of float64
// beside float64, else of float32.
void expert_mix_cpu(CpuIsa isa, const at::Tensor& mixing, const at::Tensor& x,
                    const ExpertMixShape& shape, at::Tensor& out);

// d_mixing, shaped as the mixing, = sum over D (and, where it is shared, over tokens in an order
// that depends on the shape alone) of d_out x^T.
void expert_mix_gradient_cpu(CpuIsa isa, const at::Tensor& d_out, const at::Tensor& x,
                             const ExpertMixShape& shape, at::Tensor& d_mixing);

void expert_mix_cuda(const at::Tensor& mixing, const at::Tensor& x, const ExpertMixShape& shape,
                     at::Tensor& out);
void expert_mix_gradient_cuda(const at::Tensor& d_out, const at::Tensor& x,
                              const ExpertMixShape& shape, at::Tensor& d_mixing);

}  // namespace hgnn_moe::ops
