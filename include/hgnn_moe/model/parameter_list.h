// Parameters by their published names, in the fixed order that checkpoints use.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hgnn_moe {

struct NamedParameter {
  std::string name;   // as in docs/model.md, e.g. "model_layers.0.experts.1.norm1.weight"
  at::Tensor tensor;  // a leaf that requires a gradient
};

using ParameterList = std::vector<NamedParameter>;

}  // namespace hgnn_moe
