// The clock of a GPU.
#pragma once

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// Queues writing it, in nanoseconds, into an int64 scalar.
void write_cuda_time(const at::Tensor& time);

}  // namespace hgnn_moe::ops
