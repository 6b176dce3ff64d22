// Matrix products whose result has the type of sums. A GPU accumulates products of bfloat16 in
// float32 and need not round them; a CPU's result is rounded to the factors' type in between.
#pragma once

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// a b of two matrices, and of two batches of them, in `type`: that of a and b, or float32 beside
// bfloat16.
at::Tensor wide_mm(const at::Tensor& a, const at::Tensor& b, at::ScalarType type);
at::Tensor wide_bmm(const at::Tensor& a, const at::Tensor& b, at::ScalarType type);

// Adds factor a b to `sum` of that type.
void add_wide_mm(at::Tensor& sum, const at::Tensor& a, const at::Tensor& b, double factor);

}  // namespace hgnn_moe::ops
