// Y_n = K_n X_n: mixes the E expert vectors of each of N tokens by a small matrix.
#pragma once

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// x_NED [N, E, D]; mixing [E, E], shared by all tokens, or [N, E, E]. Returns [N, E, D].
// Differentiable in both.
at::Tensor expert_mix(const at::Tensor& mixing, const at::Tensor& x_NED);

// The same, one token after the other.
at::Tensor expert_mix_reference(const at::Tensor& mixing, const at::Tensor& x_NED);

}  // namespace hgnn_moe::ops
