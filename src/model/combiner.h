// The end of every coupler: mean over the experts, Linear, GELU, LayerNorm.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/model/layers.h"
#include "hgnn_moe/model/model_config.h"

namespace hgnn_moe {

// x_NED [N, E, D] to [N, D]: reads X once, and its backward pass writes it once.
at::Tensor mean_over_experts(const at::Tensor& x_NED);

class Combiner {
 public:
  Combiner(ParameterStore& store, const std::string& name, const ModelConfig& config);

  // x_NED [N, E, D] to [N, D].
  at::Tensor forward(const at::Tensor& x_NED) const;
  // The same for the mean over experts, [N, D].
  at::Tensor forward_mean(const at::Tensor& mean_ND) const;
  // What follows the Linear, for one that is computed elsewhere with weight() and bias().
  at::Tensor finish(const at::Tensor& z_ND) const;

  const at::Tensor& weight() const { return linear_.weight; }
  const at::Tensor& bias() const { return linear_.bias; }

 private:
  Linear linear_;
  LayerNorm norm_;
};

}  // namespace hgnn_moe
