#include "hgnn_moe/train/optimizer.h"

#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/adamw.h"

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

// Those of the parameters that have a gradient.
std::vector<ops::AdamWParameter> AdamW::updates() const {
  std::vector<ops::AdamWParameter> updates;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const NamedParameter& parameter = parameters_[i];
    const at::Tensor& gradient = parameter.tensor.grad();
    if (!gradient.defined()) continue;
    HGNN_MOE_ASSERT(gradient.sizes() == parameter.tensor.sizes() &&
                        gradient.strides() == parameter.tensor.strides(),
                    "the gradient of {} is laid out differently", parameter.name);
    updates.push_back({parameter.tensor, gradient, exp_avg_[i], exp_avg_sq_[i], step_[i], {}});
    if (parameter.rounded != nullptr) updates.back().rounded = parameter.rounded->to_update();
  }
  return updates;
}

// Those whose values `write` writes too; current before, they are so afterwards.
template <typename Write>
void AdamW::with_rounded(Write write) {
  std::vector<ops::RoundedWeight*> current;
  for (const NamedParameter& parameter : parameters_) {
    if (parameter.rounded != nullptr && parameter.rounded->to_update().defined()) {
      current.push_back(parameter.rounded.get());
    }
  }
  write();
  for (ops::RoundedWeight* weight : current) weight->mark_as_current();
}

ops::AdamWNumbers AdamW::numbers(double learning_rate) const {
  return {learning_rate, options_.beta1, options_.beta2, options_.epsilon, options_.weight_decay};
}

void AdamW::step(double learning_rate, const at::Tensor& gradient_scale) {
  const c10::NoGradGuard no_grad;
  with_rounded([&] { ops::adamw(updates(), numbers(learning_rate), gradient_scale); });
}

void AdamW::step(const at::Tensor& learning_rate, const at::Tensor& leave_out,
                 const at::Tensor& gradient_scale) {
  const c10::NoGradGuard no_grad;
  with_rounded([&] {
    ops::queued_adamw(updates(), numbers(0.0), {learning_rate, leave_out}, gradient_scale);
  });
}

void AdamW::count_replayed_step() {
  with_rounded([&] {
    for (const NamedParameter& parameter : parameters_) {
      parameter.tensor.unsafeGetTensorImpl()->bump_version();
    }
  });
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

at::Tensor gradient_norm(const ParameterList& parameters) {
  HGNN_MOE_ASSERT(!parameters.empty(), "{} parameters", parameters.size());
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const NamedParameter& parameter : parameters) {
    if (parameter.tensor.grad().defined()) gradients.push_back(parameter.tensor.grad());
  }
  if (gradients.empty()) {
    return at::zeros({}, parameters.front().tensor.options().requires_grad(false));
  }
  return ops::joint_norm(gradients);
}

at::Tensor clip_scale(const at::Tensor& norm, double max_norm) {
  if (max_norm == 0) return {};
  // Scaling by exactly 1 costs less than asking the device whether the norm is too large.
  return norm.add(1e-6).reciprocal().mul(max_norm).clamp_max(1.0);
}

}  // namespace hgnn_moe
