#include "hgnn_moe/ops/gnn_message.h"

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/expert_mix.h"

namespace hgnn_moe::ops {

at::Tensor gnn_message_matrix(const at::Tensor& x_NED, const at::Tensor& message_weight,
                              const at::Tensor& message_bias,
                              const at::Tensor& adjacency_logits_EE) {
  const auto num_experts = x_NED.size(1);
  const auto dim = x_NED.size(2);
  HGNN_MOE_ASSERT(message_weight.numel() == 2 * dim, "message weight of {} for D = {}",
                  message_weight.numel(), dim);
  const at::Tensor halves_2D = message_weight.view({2, dim});
  const at::Tensor scores_NE2 = at::linear(x_NED, halves_2D);
  const at::Tensor own_NE1 = scores_NE2.narrow(2, 0, 1);
  const at::Tensor other_N1E = scores_NE2.narrow(2, 1, 1).transpose(1, 2);
  const at::Tensor gate_NEE = at::sigmoid(own_NE1 + other_N1E + message_bias);
  const at::Tensor self = at::eye(num_experts, adjacency_logits_EE.options().dtype(at::kBool));
  const at::Tensor adjacency_EE = at::sigmoid(adjacency_logits_EE).masked_fill(self, 0.0);
  return gate_NEE * adjacency_EE;
}

at::Tensor gnn_message(const at::Tensor& x_NED, const at::Tensor& message_weight,
                       const at::Tensor& message_bias, const at::Tensor& adjacency_logits_EE) {
  return expert_mix(gnn_message_matrix(x_NED, message_weight, message_bias, adjacency_logits_EE),
                    x_NED);
}

}  // namespace hgnn_moe::ops
