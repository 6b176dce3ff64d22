// How hard training pulls at the hyperedge weights.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/model/language_model.h"

namespace hgnn_moe {

// The gradients of the hyperedge weights' parameters: hyperedge_weights and, with weights per
// token, hyperedge_weight_proj.weight.
class HyperedgeWeightGradients {
 public:
  explicit HyperedgeWeightGradients(const LanguageModel& model);

  // Layers whose couplers learn such weights: all or none.
  std::int64_t layers() const { return layers_; }

  // The 2-norm of each layer's, [layers], on the model's device, without waiting for it. Call it
  // after a backward pass, where layers() is not 0.
  at::Tensor norms() const;

 private:
  std::int64_t layers_ = 0;
  std::vector<at::Tensor> parameters_;  // layer by layer, as many of each
};

}  // namespace hgnn_moe
