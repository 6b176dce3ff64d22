#include "hgnn_moe/ops/gnn_message.h"

#include <tuple>

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "coupling_device.h"
#include "gnn_message_kernels.h"
#include "operator_registry.h"

#include "hgnn_moe/ops/expert_mix.h"

namespace hgnn_moe::ops {

namespace {

using Tensors4 = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

void check(const at::Tensor& x_NED, const at::Tensor& message_weight,
           const at::Tensor& message_bias, const at::Tensor& adjacency_logits_EE) {
  TORCH_CHECK_VALUE(x_NED.dim() == 3, "gnn_message: x has ", x_NED.dim(),
                    " dimensions, it needs [N, E, D]");
  TORCH_CHECK_VALUE(message_weight.sym_numel() == 2 * x_NED.sym_size(2),
                    "gnn_message: a message weight of ", message_weight.sym_numel(),
                    " elements, it needs 2 D = ", 2 * x_NED.sym_size(2));
  TORCH_CHECK_VALUE(message_bias.sym_numel() == 1, "gnn_message: a message bias of ",
                    message_bias.sym_numel(), " elements, it needs one");
  TORCH_CHECK_VALUE(adjacency_logits_EE.dim() == 2 &&
                        adjacency_logits_EE.sym_size(0) == x_NED.sym_size(1) &&
                        adjacency_logits_EE.sym_size(1) == x_NED.sym_size(1),
                    "gnn_message: adjacency logits of shape ", adjacency_logits_EE.sym_sizes(),
                    ", it needs [E, E] with E = ", x_NED.sym_size(1));
  check_beside(message_weight, "the message weight", x_NED, "gnn_message");
  check_beside(message_bias, "the message bias", x_NED, "gnn_message");
  check_beside(adjacency_logits_EE, "the adjacency", x_NED, "gnn_message");
}

// As the kernels take them: contiguous, the adjacency after the sigmoid.
GnnMessageInputs kernel_inputs(const at::Tensor& x_NED, const at::Tensor& message_weight,
                               const at::Tensor& message_bias,
                               const at::Tensor& adjacency_logits_EE) {
  const at::ScalarType type = weight_type(x_NED);
  return {x_NED.contiguous(), message_weight.to(type).reshape({2, x_NED.size(2)}).contiguous(),
          message_bias.to(type).reshape({1}),
          at::sigmoid(adjacency_logits_EE.to(type)).contiguous()};
}

at::Tensor message(const at::Tensor& x_NED, const at::Tensor& message_weight,
                   const at::Tensor& message_bias, const at::Tensor& adjacency_logits_EE) {
  check(x_NED, message_weight, message_bias, adjacency_logits_EE);
  if (!has_coupling_kernel(x_NED, x_NED.size(1))) {
    return expert_mix(gnn_message_matrix(x_NED, message_weight, message_bias, adjacency_logits_EE),
                      x_NED);
  }
  const GnnMessageInputs in =
      kernel_inputs(x_NED, message_weight, message_bias, adjacency_logits_EE);
  at::Tensor out = at::empty_like(in.x_NED);
  on_device(
      x_NED, [&] { gnn_message_cpu(cpu_isa(), in, out); }, [&] { gnn_message_cuda(in, out); });
  return out;
}

Tensors4 message_gradient(const at::Tensor& d_out, const at::Tensor& x_NED,
                          const at::Tensor& message_weight, const at::Tensor& message_bias,
                          const at::Tensor& adjacency_logits_EE) {
  check(x_NED, message_weight, message_bias, adjacency_logits_EE);
  const GnnMessageInputs in =
      kernel_inputs(x_NED, message_weight, message_bias, adjacency_logits_EE);
  GnnMessageInputs d;
  if (!has_coupling_kernel(x_NED, x_NED.size(1))) {
    d = gnn_message_gradient_aten(in, d_out);
  } else {
    const at::Tensor dy = d_out.contiguous();
    on_device(
        x_NED, [&] { d = gnn_message_gradient_cpu(cpu_isa(), in, dy); },
        [&] { d = gnn_message_gradient_cuda(in, dy); });
  }
  const at::Tensor d_logits_EE = d.adjacency_EE * in.adjacency_EE * (1 - in.adjacency_EE);
  return {d.x_NED,
          d.message_weight_2D.reshape(message_weight.sizes()).to(message_weight.scalar_type()),
          d.message_bias.reshape(message_bias.sizes()).to(message_bias.scalar_type()),
          d_logits_EE.to(adjacency_logits_EE.scalar_type())};
}

at::Tensor message_meta(const at::Tensor& x_NED, const at::Tensor& message_weight,
                        const at::Tensor& message_bias, const at::Tensor& adjacency_logits_EE) {
  check(x_NED, message_weight, message_bias, adjacency_logits_EE);
  return x_NED.new_empty_symint(x_NED.sym_sizes());
}

Tensors4 message_gradient_meta(const at::Tensor&, const at::Tensor& x_NED,
                               const at::Tensor& message_weight, const at::Tensor& message_bias,
                               const at::Tensor& adjacency_logits_EE) {
  const auto like = [](const at::Tensor& t) { return t.new_empty_symint(t.sym_sizes()); };
  return {like(x_NED), like(message_weight), like(message_bias), like(adjacency_logits_EE)};
}

Tensors4 call_gradient(const at::Tensor& d_out, const at::Tensor& x_NED,
                       const at::Tensor& message_weight, const at::Tensor& message_bias,
                       const at::Tensor& adjacency_logits_EE) {
  static const auto op =
      find_operator<decltype(message_gradient)>("hgnn_moe::gnn_message_gradient");
  return op.call(d_out, x_NED, message_weight, message_bias, adjacency_logits_EE);
}

// The backward pass computes K again: nothing of size N E E is kept.
class GnnMessage : public torch::autograd::Function<GnnMessage> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x_NED,
                            const at::Tensor& message_weight, const at::Tensor& message_bias,
                            const at::Tensor& adjacency_logits_EE) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({x_NED, message_weight, message_bias, adjacency_logits_EE});
    return gnn_message(x_NED, message_weight, message_bias, adjacency_logits_EE);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    refuse_second_derivative("gnn_message");
    const auto saved = context->get_saved_variables();
    const auto [d_x, d_weight, d_bias, d_logits] =
        call_gradient(gradients[0], saved[0], saved[1], saved[2], saved[3]);
    return {d_x, d_weight, d_bias, d_logits};
  }
};

at::Tensor message_autograd(const at::Tensor& x_NED, const at::Tensor& message_weight,
                            const at::Tensor& message_bias, const at::Tensor& adjacency_logits_EE) {
  return GnnMessage::apply(x_NED, message_weight, message_bias, adjacency_logits_EE);
}

}  // namespace

TORCH_LIBRARY_IMPL(hgnn_moe, CPU, m) {
  m.impl("gnn_message", message);
  m.impl("gnn_message_gradient", message_gradient);
}
TORCH_LIBRARY_IMPL(hgnn_moe, CUDA, m) {
  m.impl("gnn_message", message);
  m.impl("gnn_message_gradient", message_gradient);
}
TORCH_LIBRARY_IMPL(hgnn_moe, Meta, m) {
  m.impl("gnn_message", message_meta);
  m.impl("gnn_message_gradient", message_gradient_meta);
}
TORCH_LIBRARY_IMPL(hgnn_moe, Autograd, m) { m.impl("gnn_message", message_autograd); }

at::Tensor gnn_message(const at::Tensor& x_NED, const at::Tensor& message_weight,
                       const at::Tensor& message_bias, const at::Tensor& adjacency_logits_EE) {
  static const auto op = find_operator<decltype(gnn_message)>("hgnn_moe::gnn_message");
  return op.call(x_NED, message_weight, message_bias, adjacency_logits_EE);
}

}  // namespace hgnn_moe::ops
