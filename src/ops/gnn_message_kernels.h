// Launchers of gnn_message: contiguous tensors, shapes checked by the caller.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/cpu_isa.h"

namespace hgnn_moe::ops {

// x [N, E, D] of float64, float32 or bfloat16; the rest of float64 beside float64, else float32.
struct GnnMessageInputs {
  at::Tensor x_NED;
  at::Tensor message_weight_2D;  // [2, D]: of the receiver, of the sender
  at::Tensor message_bias;       // [1]
  at::Tensor adjacency_EE;       // after the sigmoid
};

// out [N, E, D] as gnn_message, from the adjacency after the sigmoid.
void gnn_message_cpu(CpuIsa isa, const GnnMessageInputs& in, at::Tensor& out);

// Gradients of the four inputs, shaped as they are. Those of the weights are summed over tokens in
// an order that depends on the shape alone.
GnnMessageInputs gnn_message_gradient_cpu(CpuIsa isa, const GnnMessageInputs& in,
                                          const at::Tensor& d_out);

void gnn_message_cuda(const GnnMessageInputs& in, at::Tensor& out);
GnnMessageInputs gnn_message_gradient_cuda(const GnnMessageInputs& in, const at::Tensor& d_out);

// The same gradients in plain ATen, for what no kernel serves. Stores K of all tokens.
GnnMessageInputs gnn_message_gradient_aten(const GnnMessageInputs& in, const at::Tensor& d_out);

}  // namespace hgnn_moe::ops
