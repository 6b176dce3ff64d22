// A linear layer whose matrix product may be of a narrower type than its input and output.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/rounded_weight.h"

namespace hgnn_moe::ops {

// x W^T + b; x [..., in], weight [out, in], bias [out] or undefined. The product is computed in
// `products`, which is x's type or narrower, from rounded x and W, the latter from `rounded` where
// that is not null, and rounded to it, as are its gradients; b is added in x's type, which the
// result has.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  at::ScalarType products, const RoundedWeightPtr& rounded = nullptr);

}  // namespace hgnn_moe::ops
