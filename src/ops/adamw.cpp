#include "hgnn_moe/ops/adamw.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "adamw_kernels.h"
#include "cpu_launch.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

bool has_update_kernel(const at::Tensor& x) {
  return has_cpu_kernel(x) && x.scalar_type() != at::kBFloat16;
}

// Every array of a parameter is walked in memory order beside the others.
bool is_like(const at::Tensor& tensor, const at::Tensor& value, at::ScalarType type) {
  return tensor.scalar_type() == type && tensor.device() == value.device() &&
         tensor.sizes() == value.sizes() && tensor.strides() == value.strides();
}

void check(const std::vector<AdamWParameter>& parameters) {
  const at::Tensor& first = parameters.front().value;
  const at::ScalarType type = first.scalar_type();
  for (const AdamWParameter& p : parameters) {
    HGNN_MOE_ASSERT(p.value.is_non_overlapping_and_dense() && p.value.device() == first.device() &&
                        is_like(p.value, p.value, type) && is_like(p.gradient, p.value, type) &&
                        is_like(p.exp_avg, p.value, type) && is_like(p.exp_avg_sq, p.value, type) &&
                        (!p.rounded.defined() || is_like(p.rounded, p.value, at::kBFloat16)),
                    "the arrays of a parameter of {} elements are laid out differently",
                    p.value.numel());
    HGNN_MOE_ASSERT(p.step.numel() == 1 && p.step.scalar_type() == at::kFloat, "{} step counters",
                    p.step.numel());
  }
}

std::vector<c10::IValue> tensors_of(const std::vector<AdamWParameter>& parameters) {
  std::vector<c10::IValue> all;
  for (const AdamWParameter& p : parameters) {
    // The moments and the value are read and written.
    for (const at::Tensor* t : {&p.gradient, &p.value, &p.value, &p.exp_avg, &p.exp_avg,
                                &p.exp_avg_sq, &p.exp_avg_sq, &p.rounded}) {
      if (t->defined()) all.emplace_back(*t);
    }
  }
  return all;
}

}  // namespace

void count_writes(const std::vector<AdamWParameter>& parameters) {
  for (const AdamWParameter& p : parameters) {
    for (const at::Tensor* written : {&p.value, &p.exp_avg, &p.exp_avg_sq, &p.rounded}) {
      if (written->defined()) written->unsafeGetTensorImpl()->bump_version();
    }
  }
}

void adamw(const std::vector<AdamWParameter>& parameters, const AdamWNumbers& numbers,
           const at::Tensor& gradient_scale) {
  if (parameters.empty()) return;
  check(parameters);
  RECORD_FUNCTION("hgnn_moe::adamw", tensors_of(parameters));
  if (!has_update_kernel(parameters.front().value)) {
    return adamw_reference(parameters, numbers, gradient_scale);
  }
  for (const AdamWParameter& p : parameters) p.step.add_(1);
  adamw_cpu(cpu_isa(), parameters, numbers,
            gradient_scale.defined() ? gradient_scale.item<double>() : 1.0);
  count_writes(parameters);
}

at::Tensor joint_norm(const std::vector<at::Tensor>& tensors) {
  HGNN_MOE_ASSERT(!tensors.empty(), "{} tensors", tensors.size());
  const at::Tensor& first = tensors.front();
  for (const at::Tensor& x : tensors) {
    HGNN_MOE_ASSERT(x.is_non_overlapping_and_dense() && x.scalar_type() == first.scalar_type() &&
                        x.device() == first.device(),
                    "tensors of {} and {} elements", first.numel(), x.numel());
  }
  RECORD_FUNCTION("hgnn_moe::joint_norm", std::vector<c10::IValue>(tensors.begin(), tensors.end()));
  if (!has_update_kernel(first)) return joint_norm_reference(tensors);
  return at::scalar_tensor(std::sqrt(sum_of_squares_cpu(cpu_isa(), tensors)),
                           first.options().requires_grad(false));
}

}  // namespace hgnn_moe::ops
