// Y_n = K_n X_n: mixes the E expert vectors of each of N tokens by a small matrix.
#pragma once

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// x_NED [N, E, D]; mixing [R, E], shared by all tokens, or [N, R, E], in float32 or better.
// Returns [N, R, D] of x's type, summed in float32 or better. Differentiable in both; the gradient
// of a shared mixing is summed over tokens in an order that depends on the shape alone.
at::Tensor expert_mix(const at::Tensor& mixing, const at::Tensor& x_NED);

// m_n = a_n . X_n, the weighted sum over experts; weights [E] or [N, E]. Returns [N, D].
at::Tensor expert_readout(const at::Tensor& weights, const at::Tensor& x_NED);

// expert_mix one token after the other.
at::Tensor expert_mix_reference(const at::Tensor& mixing, const at::Tensor& x_NED);

}  // namespace hgnn_moe::ops
