// From a tensor's type to a kernel's.
#pragma once

#include <c10/core/ScalarType.h>
#include <c10/util/Exception.h>

#include "block.h"

namespace hgnn_moe::ops::cuda {

// Calls f with a value of the element type in memory.
template <typename F>
void with_scalar(c10::ScalarType type, F f) {
  switch (type) {
    case c10::kDouble:
      return f(double{});
    case c10::kFloat:
      return f(float{});
    case c10::kBFloat16:
      return f(Bf16{});
    default:
      TORCH_CHECK(false, "no CUDA kernel for ", type);
  }
}

}  // namespace hgnn_moe::ops::cuda
