// Y_n = P(w_n) X_n + b: hypergraph convolution of every token's experts without its product.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/hypergraph.h"

namespace hgnn_moe::ops {

// x_NED [N, E, D]; weights [M], shared by all tokens, or [N, M], graph n reading row n; bias_D [D]
// or undefined. P as mixing_matrix defines it, in float32 or better. Returns [N, E, D] of x's
// type. Differentiable in x, weights and bias; gradients that are sums over tokens are summed in
// an order that depends on the shape alone. P is computed from the weights within the pass over X
// and again in the backward pass; with weights per token it is never stored.
at::Tensor hypergraph_mix(const at::Tensor& x_NED, const IncidenceCsr& incidence,
                          const at::Tensor& weights, Weighting weighting, const at::Tensor& bias_D);

}  // namespace hgnn_moe::ops
