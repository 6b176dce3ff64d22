// CPU launchers of adamw and joint_norm: checked tensors, float64 or float32.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/adamw.h"
#include "hgnn_moe/ops/cpu_isa.h"

namespace hgnn_moe::ops {

// The step counters are counted already.
void adamw_cpu(CpuIsa isa, const std::vector<AdamWParameter>& parameters,
               const AdamWNumbers& numbers, double gradient_scale);

// For what writes behind the back of PyTorch's version counters, which at::_fused_adamw_ does like
// our kernels: who keeps something made of these values sees it there.
void count_writes(const std::vector<AdamWParameter>& parameters);

// The sum of all elements' squares.
double sum_of_squares_cpu(CpuIsa isa, const std::vector<at::Tensor>& tensors);

}  // namespace hgnn_moe::ops
