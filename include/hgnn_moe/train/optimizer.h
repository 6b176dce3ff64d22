// AdamW, and clipping of the gradient's norm as part of its pass.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/model/parameter_list.h"
#include "hgnn_moe/ops/adamw.h"

namespace hgnn_moe {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
};

// AdamW with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101) on all parameters.
// For a parameter x with gradient g, learning rate r and decay d, update number t (from 1):
//
//   x <- x - r d x
//   m <- beta1 m + (1 - beta1) g
//   v <- beta2 v + (1 - beta2) g^2
//   x <- x - r (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
//
// A parameter without a gradient keeps its value, its moments and its t; one whose gradient is
// zero decays.
class AdamW {
 public:
  // `parameters` share one type and one device; their moments start at zero.
  AdamW(ParameterList parameters, AdamWOptions options);

  // One update from the gradients that the parameters hold times `gradient_scale`, a scalar as
  // clip_scale gives it; undefined for 1. One pass over memory reads every gradient once and writes
  // parameters, moments and the values that parameters keep rounded for matrix products
  // (NamedParameter::rounded).
  void step(double learning_rate, const at::Tensor& gradient_scale = {});
  // The same without asking the device for anything: the rate, and whether the update is left out
  // (1, else 0), t included, are fp32 scalars there.
  void step(const at::Tensor& learning_rate, const at::Tensor& leave_out,
            const at::Tensor& gradient_scale);
  // Counts the writes of such a step that was replayed behind the back of PyTorch's version
  // counters, for those who keep something made of parameters: what parameters keep rounded was
  // written with them, all else is stale.
  void count_replayed_step();

  const ParameterList& parameters() const { return parameters_; }

  // Everything that update t + 1 depends on besides parameters and gradients, under the names of
  // optimizer.safetensors: exp_avg.NAME of all parameters in their order, then exp_avg_sq.NAME,
  // then step.NAME (t, an fp32 scalar). The tensors are the optimizer's own: writing into them
  // restores a state.
  ParameterList state() const;

 private:
  std::vector<ops::AdamWParameter> updates() const;
  ops::AdamWNumbers numbers(double learning_rate) const;
  template <typename Write>
  void with_rounded(Write write);

  ParameterList parameters_;
  AdamWOptions options_;
  std::vector<at::Tensor> exp_avg_;
  std::vector<at::Tensor> exp_avg_sq_;
  std::vector<at::Tensor> step_;
};

// The 2-norm of all gradients taken as one vector, a scalar on the parameters' device in their
// type; nothing here waits for the device. On the CPU it does not depend on the number of threads.
at::Tensor gradient_norm(const ParameterList& parameters);

// min(1, max_norm / (norm + 1e-6)), what torch.nn.utils.clip_grad_norm_ multiplies gradients of
// that norm by; undefined, no scaling, for max_norm = 0.
at::Tensor clip_scale(const at::Tensor& norm, double max_norm);

}  // namespace hgnn_moe
