// How the experts of a layer talk to each other, token by token.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/model/execution.h"
#include "hgnn_moe/model/forward_context.h"
#include "hgnn_moe/model/model_config.h"
#include "hgnn_moe/model/parameter_store.h"

namespace hgnn_moe {

// What a coupler can say of its graph without data; matrices [E, E] and vectors [M] in float64
// on the CPU, one entry a coupler layer where layers differ.
struct CouplerState {
  at::Tensor hyperedge_weights_M;        // HGNN: the weights in force, where tokens share them
  at::Tensor mixing_EE;                  // HGNN: their P
  std::vector<at::Tensor> adjacency_EE;  // GNN: sigmoid(adjacency_logits) a coupler layer
};

class Coupler {
 public:
  virtual ~Coupler() = default;

  // experts_NED [N, E, D] to [N, D]; input_ND [N, D] is what the experts have read.
  virtual at::Tensor forward(const at::Tensor& experts_NED, const at::Tensor& input_ND,
                             const ForwardContext& context) const = 0;
  virtual CouplerState state() const = 0;
  // HGNN: see ops::smallest_relative_degree; 1 for the others.
  virtual double smallest_relative_degree() const { return 1.0; }
};

// The coupler of layer `layer`; `name` is the prefix of its parameters, e.g.
// "model_layers.0.coupler". Not for CouplerType::none, which has none.
std::unique_ptr<Coupler> make_coupler(ParameterStore& store, const std::string& name,
                                      const ModelConfig& config, std::int64_t layer,
                                      const Execution& execution);

}  // namespace hgnn_moe
