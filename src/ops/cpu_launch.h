// What launchers of CPU kernels share.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "cpu/kernel_type.h"

namespace hgnn_moe::ops {

// Whether kernels of ours, on any device, serve the type.
bool has_kernel_type(at::ScalarType type);

// Whether the CPU kernels serve x's device and type.
bool has_cpu_kernel(const at::Tensor& x);

// The type of weights beside x: float64 beside float64, else float32.
at::ScalarType weight_type(const at::Tensor& x);

KernelType kernel_type(const at::Tensor& x);

// Tokens of E x D elements that are worth a thread of their own; depends on nothing else, so that
// sums over such chunks do not depend on the number of threads.
std::int64_t tokens_at_once(std::int64_t experts, std::int64_t dim);

// Whether a result of so many bytes is written past the caches: it would not stay there, and lines
// that are stored whole need not be read first.
bool exceeds_caches(std::int64_t bytes);

// chunks [C, ...] summed over C, first to last, in float64.
at::Tensor sum_in_order(const at::Tensor& chunks);

}  // namespace hgnn_moe::ops
