// Parameters by their published names, in the fixed order that checkpoints use.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/rounded_weight.h"

namespace hgnn_moe {

struct NamedParameter {
  std::string name;   // as in docs/model.md, e.g. "model_layers.0.experts.1.norm1.weight"
  at::Tensor tensor;  // a leaf that requires a gradient
  // Its values in a narrower type for those who multiply with it, who may be nobody; null for what
  // is no parameter of a model.
  ops::RoundedWeightPtr rounded = nullptr;
};

using ParameterList = std::vector<NamedParameter>;

}  // namespace hgnn_moe
