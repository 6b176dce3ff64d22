// The messages of a GNN coupler layer: what every expert of a token hears from the others.
#pragma once

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// K_nij = sigmoid(adjacency_logits_ij) sigmoid(w . [x_ni ; x_nj] + c) for j != i, 0 for j = i.
// x_NED [N, E, D], message_weight [1, 2D], message_bias [1], adjacency_logits_EE [E, E].
// w . [x_i ; x_j] = a_i + b_j, so it takes two products of X with a vector. Returns [N, E, E].
at::Tensor gnn_message_matrix(const at::Tensor& x_NED, const at::Tensor& message_weight,
                              const at::Tensor& message_bias,
                              const at::Tensor& adjacency_logits_EE);

// message_ni = sum_j K_nij x_nj of all N tokens at once. Returns [N, E, D].
at::Tensor gnn_message(const at::Tensor& x_NED, const at::Tensor& message_weight,
                       const at::Tensor& message_bias, const at::Tensor& adjacency_logits_EE);

// The same by a loop over tokens and pairs of experts.
at::Tensor gnn_message_reference(const at::Tensor& x_NED, const at::Tensor& message_weight,
                                 const at::Tensor& message_bias,
                                 const at::Tensor& adjacency_logits_EE);

}  // namespace hgnn_moe::ops
