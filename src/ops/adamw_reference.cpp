#include <optional>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "adamw_kernels.h"

#include "hgnn_moe/ops/adamw.h"

namespace hgnn_moe::ops {

namespace {

// As ATen's operations on lists take them.
struct Lists {
  std::vector<at::Tensor> values, gradients, exp_avg, exp_avg_sq, steps;

  explicit Lists(const std::vector<AdamWParameter>& parameters) {
    for (const AdamWParameter& p : parameters) {
      values.push_back(p.value);
      gradients.push_back(p.gradient);
      exp_avg.push_back(p.exp_avg);
      exp_avg_sq.push_back(p.exp_avg_sq);
      steps.push_back(p.step);
    }
  }
};

// What follows the fused update.
void finish(const std::vector<AdamWParameter>& parameters) {
  for (const AdamWParameter& p : parameters) {
    if (p.rounded.defined()) p.rounded.copy_(p.value);
  }
  count_writes(parameters);
}

}  // namespace

void adamw_reference(const std::vector<AdamWParameter>& parameters, const AdamWNumbers& numbers,
                     const at::Tensor& gradient_scale) {
  const c10::NoGradGuard no_grad;
  Lists l(parameters);
  if (gradient_scale.defined()) at::_foreach_mul_(l.gradients, gradient_scale);
  at::_foreach_add_(l.steps, 1);
  at::_fused_adamw_(l.values, l.gradients, l.exp_avg, l.exp_avg_sq, /*max_exp_avg_sqs=*/{}, l.steps,
                    numbers.learning_rate, numbers.beta1, numbers.beta2, numbers.weight_decay,
                    numbers.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  finish(parameters);
}

void queued_adamw(const std::vector<AdamWParameter>& parameters, const AdamWNumbers& numbers,
                  const AdamWDeviceNumbers& on_device, const at::Tensor& gradient_scale) {
  if (parameters.empty()) return;
  const c10::NoGradGuard no_grad;
  Lists l(parameters);
  // The kernel divides by its scale, and does nothing where found_inf is 1.
  std::optional<at::Tensor> divisor;
  if (gradient_scale.defined()) divisor = gradient_scale.to(at::kFloat).reciprocal();
  at::_foreach_add_(l.steps, 1.0 - on_device.leave_out);
  at::_fused_adamw_(l.values, l.gradients, l.exp_avg, l.exp_avg_sq, /*max_exp_avg_sqs=*/{}, l.steps,
                    on_device.learning_rate, numbers.beta1, numbers.beta2, numbers.weight_decay,
                    numbers.epsilon, /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/divisor,
                    /*found_inf=*/on_device.leave_out);
  finish(parameters);
}

at::Tensor joint_norm_reference(const std::vector<at::Tensor>& tensors) {
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(tensors, 2)), 2);
}

}  // namespace hgnn_moe::ops
