// One layer of hypergraph convolution over the experts of every token:
// Y_n = P_n (X_n Theta^T) + b (torch_geometric's HypergraphConv without attention).
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/hypergraph.h"

namespace hgnn_moe::ops {

// All N graphs at once. x_NED [N, E, D], weights [M] or [N, M] (graph n reads row n),
// theta_DD [D, D] or undefined (no product), bias_D [D] or undefined. Returns [N, E, D].
at::Tensor hypergraph_conv(const at::Tensor& x_NED, const IncidenceCsr& incidence,
                           const at::Tensor& weights, Weighting weighting,
                           const at::Tensor& theta_DD, const at::Tensor& bias_D);

// The same by message passing, one token after the other: node to hyperedge to node, without P.
// incidence_EM [E, M] as incidence_matrix gives it; theta and bias are needed.
at::Tensor hypergraph_conv_reference(const at::Tensor& x_NED, const at::Tensor& incidence_EM,
                                     const at::Tensor& weights, Weighting weighting,
                                     const at::Tensor& theta_DD, const at::Tensor& bias_D);

}  // namespace hgnn_moe::ops
