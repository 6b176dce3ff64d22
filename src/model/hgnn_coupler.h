// The HGNN coupler: G layers of hypergraph convolution with one set of hyperedge weights.
#pragma once

#include <string>
#include <vector>

#include "combiner.h"

#include "hgnn_moe/model/coupler.h"

namespace hgnn_moe {

// X <- P (X Theta^T) + b, without activation and residual, the last layer no exception. Without
// hyperedges (M = 0) it computes the mean alone; its conv parameters still exist.
class HgnnCoupler : public Coupler {
 public:
  HgnnCoupler(ParameterStore& store, const std::string& name, const ModelConfig& config,
              CouplerPath path);

  at::Tensor forward(const at::Tensor& experts_NED, const ForwardContext& context) const override;
  CouplerState state() const override;
  double smallest_relative_degree() const override;

 private:
  struct Layer {
    at::Tensor theta_DD, bias_D;
  };

  at::Tensor weights() const;  // [M], the weights in force

  CouplerPath path_;
  ops::Weighting weighting_;
  HyperedgeWeightParam weight_param_;
  Precision precision_;
  at::Tensor incidence_EM_;
  at::Tensor raw_weights_M_;  // the parameter; undefined where the weights are fixed or M = 0
  std::vector<Layer> layers_;
  Combiner combiner_;
};

}  // namespace hgnn_moe
