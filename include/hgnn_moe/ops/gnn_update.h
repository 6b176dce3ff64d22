// What an expert of a GNN coupler layer makes of itself and of what it heard.
#pragma once

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// gelu(x Ws^T + bs + message Wn^T + bn) + x, with the exact GELU. x and message [N, E, D], weights
// [D, D], biases [D], all of one type. Differentiable in all six; both products add to one result,
// and one sum over rows serves both biases.
at::Tensor gnn_update(const at::Tensor& x_NED, const at::Tensor& message_NED,
                      const at::Tensor& self_weight_DD, const at::Tensor& self_bias_D,
                      const at::Tensor& neighbor_weight_DD, const at::Tensor& neighbor_bias_D);

// The same operation by operation.
at::Tensor gnn_update_reference(const at::Tensor& x_NED, const at::Tensor& message_NED,
                                const at::Tensor& self_weight_DD, const at::Tensor& self_bias_D,
                                const at::Tensor& neighbor_weight_DD,
                                const at::Tensor& neighbor_bias_D);

}  // namespace hgnn_moe::ops
