// Whether the coupling operations have kernels of their own for a case.
#pragma once

#include <cstdint>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace hgnn_moe::ops {

// For tokens of so many experts with so many features. Where there is none, plain ATen operations
// compute the same.
bool has_coupling_kernels(c10::Device device, c10::ScalarType type, std::int64_t experts,
                          std::int64_t features);

}  // namespace hgnn_moe::ops
