#include "hgnn_moe/ops/gnn_message.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "cpu_launch.h"
#include "gnn_message_kernels.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/expert_mix.h"

namespace hgnn_moe::ops {

namespace {

// The backward pass computes K again: nothing of size N E E is kept.
class GnnMessage : public torch::autograd::Function<GnnMessage> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x_NED,
                            const at::Tensor& message_weight_2D, const at::Tensor& message_bias,
                            const at::Tensor& adjacency_EE) {
    context->save_for_backward({x_NED, message_weight_2D, message_bias, adjacency_EE});
    at::Tensor out = at::empty_like(x_NED);
    gnn_message_cpu(cpu_isa(), {x_NED, message_weight_2D, message_bias, adjacency_EE}, out);
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const GnnMessageInputs d = gnn_message_gradient_cpu(
        cpu_isa(), {saved[0], saved[1], saved[2], saved[3]}, gradients[0].contiguous());
    return {d.x_NED, d.message_weight_2D, d.message_bias, d.adjacency_EE};
  }
};

}  // namespace

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
  HGNN_MOE_ASSERT(message_weight.numel() == 2 * x_NED.size(2), "message weight of {} for D = {}",
                  message_weight.numel(), x_NED.size(2));
  if (has_cpu_kernel(x_NED)) {
    const at::ScalarType type = weight_type(x_NED);
    return GnnMessage::apply(
        x_NED.contiguous(), message_weight.view({2, x_NED.size(2)}).to(type).contiguous(),
        message_bias.to(type).contiguous(), at::sigmoid(adjacency_logits_EE.to(type)).contiguous());
  }
  return expert_mix(gnn_message_matrix(x_NED, message_weight, message_bias, adjacency_logits_EE),
                    x_NED);
}

}  // namespace hgnn_moe::ops
