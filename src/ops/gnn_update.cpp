#include "hgnn_moe/ops/gnn_update.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "operator_registry.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

at::Tensor as_rows(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

class GnnUpdate : public torch::autograd::Function<GnnUpdate> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x_NED,
                            const at::Tensor& message_NED, const at::Tensor& self_weight,
                            const at::Tensor& self_bias, const at::Tensor& neighbor_weight,
                            const at::Tensor& neighbor_bias) {
    at::Tensor sum = at::addmm(self_bias + neighbor_bias, as_rows(x_NED), self_weight.t());
    sum.addmm_(as_rows(message_NED), neighbor_weight.t());
    context->save_for_backward({x_NED, message_NED, self_weight, neighbor_weight, sum});
    return at::gelu(sum).view(x_NED.sizes()).add_(x_NED);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    refuse_second_derivative("gnn_update");
    const auto saved = context->get_saved_variables();
    const at::Tensor &x_NED = saved[0], &message_NED = saved[1], &self_weight = saved[2],
                     &neighbor_weight = saved[3], &sum = saved[4];
    const at::Tensor d_out = as_rows(gradients[0]);
    const at::Tensor d_sum = at::gelu_backward(d_out, sum);
    const at::Tensor d_bias = d_sum.sum(0);
    const at::Tensor d_x = at::addmm(d_out, d_sum, self_weight).view(x_NED.sizes());
    const at::Tensor d_message = at::mm(d_sum, neighbor_weight).view(x_NED.sizes());
    return {d_x,
            d_message,
            at::mm(d_sum.t(), as_rows(x_NED)),
            d_bias,
            at::mm(d_sum.t(), as_rows(message_NED)),
            d_bias};
  }
};

}  // namespace

at::Tensor gnn_update(const at::Tensor& x_NED, const at::Tensor& message_NED,
                      const at::Tensor& self_weight_DD, const at::Tensor& self_bias_D,
                      const at::Tensor& neighbor_weight_DD, const at::Tensor& neighbor_bias_D) {
  HGNN_MOE_ASSERT(x_NED.sizes() == message_NED.sizes(), "x of {} elements, message of {}",
                  x_NED.numel(), message_NED.numel());
  return GnnUpdate::apply(x_NED, message_NED, self_weight_DD, self_bias_D, neighbor_weight_DD,
                          neighbor_bias_D);
}

at::Tensor gnn_update_reference(const at::Tensor& x_NED, const at::Tensor& message_NED,
                                const at::Tensor& self_weight_DD, const at::Tensor& self_bias_D,
                                const at::Tensor& neighbor_weight_DD,
                                const at::Tensor& neighbor_bias_D) {
  const at::Tensor own = at::linear(x_NED, self_weight_DD, self_bias_D);
  return at::gelu(own + at::linear(message_NED, neighbor_weight_DD, neighbor_bias_D)) + x_NED;
}

}  // namespace hgnn_moe::ops
