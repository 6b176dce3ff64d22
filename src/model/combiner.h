// The end of every coupler: mean over the experts, Linear, GELU, LayerNorm.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/model/layers.h"
#include "hgnn_moe/model/model_config.h"

namespace hgnn_moe {

class Combiner {
 public:
  Combiner(ParameterStore& store, const std::string& name, const ModelConfig& config);

  // x_NED [N, E, D] to [N, D].
  at::Tensor forward(const at::Tensor& x_NED) const;

 private:
  Linear linear_;
  LayerNorm norm_;
};

}  // namespace hgnn_moe
