#include <ATen/ATen.h>

#include "gnn_message_kernels.h"

#include "hgnn_moe/ops/gnn_message.h"

namespace hgnn_moe::ops {

at::Tensor gnn_message_matrix(const at::Tensor& x_NED, const at::Tensor& message_weight,
                              const at::Tensor& message_bias,
                              const at::Tensor& adjacency_logits_EE) {
  const auto num_experts = x_NED.size(1);
  const at::Tensor halves_2D = message_weight.reshape({2, x_NED.size(2)});
  const at::Tensor scores_NE2 = at::linear(x_NED, halves_2D.to(x_NED.scalar_type()));
  const at::Tensor own_NE1 = scores_NE2.narrow(2, 0, 1);
  const at::Tensor other_N1E = scores_NE2.narrow(2, 1, 1).transpose(1, 2);
  const at::Tensor gate_NEE = at::sigmoid(own_NE1 + other_N1E + message_bias);
  const at::Tensor self = at::eye(num_experts, adjacency_logits_EE.options().dtype(at::kBool));
  const at::Tensor adjacency_EE = at::sigmoid(adjacency_logits_EE).masked_fill(self, 0.0);
  return gate_NEE * adjacency_EE;
}

GnnMessageInputs gnn_message_gradient_aten(const GnnMessageInputs& in, const at::Tensor& d_out) {
  const at::ScalarType type = in.adjacency_EE.scalar_type();
  const at::Tensor x_NED = in.x_NED.to(type), dy_NED = d_out.to(type);
  const at::Tensor self = at::eye(x_NED.size(1), in.adjacency_EE.options().dtype(at::kBool));
  const at::Tensor adjacency_EE = in.adjacency_EE.masked_fill(self, 0.0);
  const at::Tensor scores_NE2 = at::linear(x_NED, in.message_weight_2D);
  const at::Tensor gate_NEE = at::sigmoid(
      scores_NE2.narrow(2, 0, 1) + scores_NE2.narrow(2, 1, 1).transpose(1, 2) + in.message_bias);
  const at::Tensor d_mixing_NEE = at::bmm(dy_NED, x_NED.transpose(1, 2));
  const at::Tensor d_score_NEE = d_mixing_NEE * adjacency_EE * gate_NEE * (1 - gate_NEE);
  const at::Tensor d_scores_NE2 = at::stack({d_score_NEE.sum(2), d_score_NEE.sum(1)}, -1);
  const at::Tensor d_x = at::bmm((gate_NEE * adjacency_EE).transpose(1, 2), dy_NED) +
                         at::matmul(d_scores_NE2, in.message_weight_2D);
  const at::Tensor d_weight_2D =
      at::mm(d_scores_NE2.reshape({-1, 2}).t(), x_NED.reshape({-1, x_NED.size(2)}));
  return {d_x.to(in.x_NED.scalar_type()), d_weight_2D, d_score_NEE.sum().reshape({1}),
          (d_mixing_NEE * gate_NEE).sum(0).masked_fill(self, 0.0)};
}

}  // namespace hgnn_moe::ops
