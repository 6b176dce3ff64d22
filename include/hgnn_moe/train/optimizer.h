// AdamW on LibTorch's fused kernel, and clipping of the gradient's norm.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/model/parameter_list.h"

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

  // One update from the gradients that the parameters hold.
  void step(double learning_rate);

  const ParameterList& parameters() const { return parameters_; }

  // Everything that update t + 1 depends on besides parameters and gradients, under the names of
  // optimizer.safetensors: exp_avg.NAME of all parameters in their order, then exp_avg_sq.NAME,
  // then step.NAME (t, an fp32 scalar). The tensors are the optimizer's own: writing into them
  // restores a state.
  ParameterList state() const;

 private:
  ParameterList parameters_;
  AdamWOptions options_;
  std::vector<at::Tensor> exp_avg_;
  std::vector<at::Tensor> exp_avg_sq_;
  std::vector<at::Tensor> step_;
};

// Scales all gradients by min(1, max_norm / (n + 1e-6)), n the 2-norm of all of them taken as one
// vector, as torch.nn.utils.clip_grad_norm_ does; max_norm = 0 leaves them as they are. Returns n
// before scaling as a scalar on the parameters' device: nothing here waits for the device. n is
// the norm of the tensors' norms in the parameters' type, so it is the same in every run with
// the same number of threads.
at::Tensor clip_gradients(const ParameterList& parameters, double max_norm);

}  // namespace hgnn_moe
