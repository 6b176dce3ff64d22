// The element types that vector kernels compute with.
#pragma once

namespace hgnn_moe::ops {

enum class KernelType { float64, float32, bfloat16 };

}  // namespace hgnn_moe::ops
