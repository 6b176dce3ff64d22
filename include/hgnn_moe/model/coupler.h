// How the experts of a layer talk to each other, token by token.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/model/execution.h"
#include "hgnn_moe/model/model_config.h"
#include "hgnn_moe/model/parameter_store.h"

namespace hgnn_moe {

// What a coupler's layers do with some tokens, for those who want to see it. Matrices [E, E] and
// vectors [M] are in float64 on the CPU and means over the tokens where they depend on them. All
// are empty for a coupler without a graph.
struct CouplerTrace {
  std::vector<at::Tensor> mixing_EE;     // GNN: K of each coupler layer; HGNN: P, which they share
  std::vector<at::Tensor> adjacency_EE;  // GNN: sigmoid(adjacency_logits) of each coupler layer
  at::Tensor hyperedge_weights_M;        // HGNN: the weights in force
  at::Tensor features_NED;  // the experts' features after the last layer, on the model's device
};

class Coupler {
 public:
  virtual ~Coupler() = default;

  // experts_NED [N, E, D] to [N, D]; input_ND [N, D] is what the experts have read.
  virtual at::Tensor forward(const at::Tensor& experts_NED, const at::Tensor& input_ND) const = 0;
  // The same tokens through the coupler's layers one by one, also on a path that never computes
  // them so; without gradients.
  virtual CouplerTrace trace(const at::Tensor& experts_NED, const at::Tensor& input_ND) const = 0;
  // HGNN: see ops::smallest_relative_degree; 1 for the others.
  virtual double smallest_relative_degree() const { return 1.0; }
};

// `name` is the prefix of its parameters, e.g. "model_layers.0.coupler". Not for CouplerType::none,
// which has none.
std::unique_ptr<Coupler> make_coupler(ParameterStore& store, const std::string& name,
                                      const ModelConfig& config, const Execution& execution);

}  // namespace hgnn_moe
