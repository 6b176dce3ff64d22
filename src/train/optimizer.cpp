#include "hgnn_moe/train/optimizer.h"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

AdamW::AdamW(ParameterList parameters, AdamWOptions options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const NamedParameter& parameter : parameters_) {
    const at::Tensor& tensor = parameter.tensor;
    HGNN_MOE_ASSERT(tensor.scalar_type() == parameters_.front().tensor.scalar_type() &&
                        tensor.device() == parameters_.front().tensor.device(),
                    "{} has another type or device than {}", parameter.name,
                    parameters_.front().name);
    exp_avg_.push_back(at::zeros_like(tensor.detach()));
    exp_avg_sq_.push_back(at::zeros_like(tensor.detach()));
    step_.push_back(at::zeros({}, tensor.options().dtype(at::kFloat).requires_grad(false)));
  }
}

void AdamW::step(double learning_rate) {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> values, gradients, exp_avg, exp_avg_sq, steps;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& value = parameters_[i].tensor;
    const at::Tensor& gradient = value.grad();
    if (!gradient.defined()) {
      continue;
    }
    // The kernel walks the five arrays of a parameter side by side in memory order.
    HGNN_MOE_ASSERT(gradient.sizes() == value.sizes() && gradient.strides() == value.strides(),
                    "the gradient of {} is laid out differently", parameters_[i].name);
    values.push_back(value);
    gradients.push_back(gradient);
    exp_avg.push_back(exp_avg_[i]);
    exp_avg_sq.push_back(exp_avg_sq_[i]);
    steps.push_back(step_[i]);
  }
  if (values.empty()) {
    return;
  }
  at::_foreach_add_(steps, 1);
  at::_fused_adamw_(values, gradients, exp_avg, exp_avg_sq, /*max_exp_avg_sqs=*/{}, steps,
                    learning_rate, options_.beta1, options_.beta2, options_.weight_decay,
                    options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

ParameterList AdamW::state() const {
  ParameterList state;
  state.reserve(3 * parameters_.size());
  const auto append = [&](const char* prefix, const std::vector<at::Tensor>& tensors) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      state.push_back({prefix + parameters_[i].name, tensors[i]});
    }
  };
  append("exp_avg.", exp_avg_);
  append("exp_avg_sq.", exp_avg_sq_);
  append("step.", step_);
  return state;
}

at::Tensor clip_gradients(const ParameterList& parameters, double max_norm) {
  HGNN_MOE_ASSERT(!parameters.empty(), "no parameters to clip");
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const NamedParameter& parameter : parameters) {
    if (parameter.tensor.grad().defined()) {
      gradients.push_back(parameter.tensor.grad());
    }
  }
  if (gradients.empty()) {
    return at::zeros({}, parameters.front().tensor.options().requires_grad(false));
  }
  const at::Tensor norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, 2)), 2);
  if (max_norm > 0) {
    // Scaling by exactly 1 costs less than asking the device whether the norm is too large.
    const at::Tensor coefficient = norm.add(1e-6).reciprocal().mul(max_norm).clamp_max(1.0);
    at::_foreach_mul_(gradients, coefficient);
  }
  return norm;
}

}  // namespace hgnn_moe
