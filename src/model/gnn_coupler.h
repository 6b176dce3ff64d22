// The GNN coupler: G layers of gated messages between all pairs of experts, each with a residual.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "combiner.h"

#include "hgnn_moe/model/coupler.h"

namespace hgnn_moe {

// X <- gelu(neighbor_transform(message) + self_transform(X)) + X, message as ops::gnn_message.
// With one expert there is no neighbour: the whole term, its bias too, is zero.
class GnnCoupler : public Coupler {
 public:
  GnnCoupler(ParameterStore& store, const std::string& name, const ModelConfig& config,
             const Execution& execution);

  at::Tensor forward(const at::Tensor& experts_NED, const at::Tensor& input_ND) const override;
  CouplerTrace trace(const at::Tensor& experts_NED, const at::Tensor& input_ND) const override;

 private:
  struct Layer {
    Linear neighbor_transform, self_transform;
    at::Tensor message_weight, message_bias, adjacency_logits_EE;
  };

  at::Tensor messages(const Layer& layer, const at::Tensor& x_NED) const;
  at::Tensor update(const Layer& layer, const at::Tensor& x_NED) const;
  at::Tensor mean(const at::Tensor& experts_NED, const std::vector<at::Tensor>& parameters) const;
  // All layers' parameters one after the other, and a layer made of such a list.
  std::vector<at::Tensor> flat_parameters() const;
  Layer layer_of(std::size_t index, const std::vector<at::Tensor>& flat) const;

  std::int64_t num_experts_;
  Execution execution_;
  std::vector<Layer> layers_;
  Combiner combiner_;
};

}  // namespace hgnn_moe
