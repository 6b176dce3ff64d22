// What src/ops/cpu/adamw_kernel.cpp offers, once for each instruction set.
#pragma once

#include <cstdint>

#include "every_isa.h"
#include "kernel_type.h"

namespace hgnn_moe::ops {

// What all parameters of an update share.
struct AdamWShared {
  KernelType type;               // float64 or float32
  double gradient_scale;         // multiplies every gradient as it is read
  double kept;                   // 1 - learning_rate * weight_decay
  double beta1, beta2, epsilon;  // as in train/optimizer.h
};

// The arrays of one parameter, and what its number of updates t gives.
struct AdamWArrays {
  void* value;
  const void* gradient;
  void *exp_avg, *exp_avg_sq;
  void* rounded;           // bfloat16, or null
  double step_size;        // learning_rate / (1 - beta1^t)
  double reciprocal_root;  // 1 / sqrt(1 - beta2^t)
};

struct AdamWKernels {
  // Updates elements begin to end of one parameter.
  void (*update)(const AdamWShared&, const AdamWArrays&, std::int64_t begin, std::int64_t end);
  // The sum of the squares of elements begin to end, in float64.
  double (*sum_of_squares)(KernelType, const void* x, std::int64_t begin, std::int64_t end);
};

HGNN_MOE_DECLARE_FOR_EVERY_ISA(AdamWKernels, kAdamWKernels);

}  // namespace hgnn_moe::ops
