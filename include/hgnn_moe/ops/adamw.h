// AdamW on all parameters in one pass over memory, and the norm that its gradients are clipped by.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// Numbers of an update; the formula is in train/optimizer.h.
struct AdamWNumbers {
  double learning_rate, beta1, beta2, epsilon, weight_decay;
};

// One parameter with what its update reads and writes: tensors of one shape and one dense layout.
struct AdamWParameter {
  at::Tensor value, gradient, exp_avg, exp_avg_sq;  // one type
  at::Tensor step;                                  // a float32 scalar: updates so far
  at::Tensor rounded;  // undefined, or the value in bfloat16, written with it
};

// Counts a step and updates every parameter from its gradient times `gradient_scale`, a scalar of
// the parameters' type and device, or undefined for 1. All parameters share one type and device.
// Results do not depend on the number of threads. On the CPU gradients are read only; elsewhere
// they hold the scaled ones afterwards.
void adamw(const std::vector<AdamWParameter>& parameters, const AdamWNumbers& numbers,
           const at::Tensor& gradient_scale);

// What an update reads from the device instead of the host: float32 scalars there.
struct AdamWDeviceNumbers {
  at::Tensor learning_rate;
  at::Tensor leave_out;  // 1: nothing is updated or counted; else 0
};

// The same with these in place of numbers.learning_rate, asking the device for nothing, so that it
// can be captured: by at::_fused_adamw_, then copies. Gradients hold the scaled ones afterwards.
void queued_adamw(const std::vector<AdamWParameter>& parameters, const AdamWNumbers& numbers,
                  const AdamWDeviceNumbers& on_device, const at::Tensor& gradient_scale);

// The same in ATen's operations: scaled gradients, then at::_fused_adamw_, then copies.
void adamw_reference(const std::vector<AdamWParameter>& parameters, const AdamWNumbers& numbers,
                     const at::Tensor& gradient_scale);

// The 2-norm of all elements taken as one vector: a scalar of the tensors' type, on their device.
// On the CPU it is summed in float64 by blocks of fixed size, so it does not depend on the number
// of threads; elsewhere it is the norm of the tensors' norms. At least one tensor, one type and
// device, dense ones.
at::Tensor joint_norm(const std::vector<at::Tensor>& tensors);

// The same as the norm of the tensors' norms, by ATen.
at::Tensor joint_norm_reference(const std::vector<at::Tensor>& tensors);

}  // namespace hgnn_moe::ops
