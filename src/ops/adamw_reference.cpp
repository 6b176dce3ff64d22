#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "hgnn_moe/ops/adamw.h"

namespace hgnn_moe::ops {

void adamw_reference(const std::vector<AdamWParameter>& parameters, const AdamWNumbers& numbers,
                     const at::Tensor& gradient_scale) {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> values, gradients, exp_avg, exp_avg_sq, steps;
  for (const AdamWParameter& p : parameters) {
    values.push_back(p.value);
    gradients.push_back(p.gradient);
    exp_avg.push_back(p.exp_avg);
    exp_avg_sq.push_back(p.exp_avg_sq);
    steps.push_back(p.step);
  }
  if (gradient_scale.defined()) at::_foreach_mul_(gradients, gradient_scale);
  at::_foreach_add_(steps, 1);
  at::_fused_adamw_(values, gradients, exp_avg, exp_avg_sq, /*max_exp_avg_sqs=*/{}, steps,
                    numbers.learning_rate, numbers.beta1, numbers.beta2, numbers.weight_decay,
                    numbers.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  for (const AdamWParameter& p : parameters) {
    if (p.rounded.defined()) p.rounded.copy_(p.value);
  }
}

at::Tensor joint_norm_reference(const std::vector<at::Tensor>& tensors) {
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(tensors, 2)), 2);
}

}  // namespace hgnn_moe::ops
