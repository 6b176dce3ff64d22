// The HGNN coupler: G layers of hypergraph convolution with one set of hyperedge weights.
#pragma once

#include <string>
#include <vector>

#include "combiner.h"

#include "hgnn_moe/model/coupler.h"
#include "hgnn_moe/ops/hypergraph.h"

namespace hgnn_moe {

// X <- act(P (X Theta^T) + b) [+ X], the last layer no exception; then the combiner. Without
// hyperedges (M = 0) it computes the mean alone; its conv parameters still exist.
class HgnnCoupler : public Coupler {
 public:
  HgnnCoupler(ParameterStore& store, const std::string& name, const ModelConfig& config,
              const Execution& execution);

  at::Tensor forward(const at::Tensor& experts_NED, const at::Tensor& input_ND) const override;
  CouplerTrace trace(const at::Tensor& experts_NED, const at::Tensor& input_ND) const override;
  double smallest_relative_degree() const override;

 private:
  struct Layer {
    at::Tensor theta_DD, bias_D;
    ops::RoundedWeightPtr rounded_theta;
  };

  bool are_shared() const { return !weight_proj_MD_.defined(); }
  // The weights in force: [M], or [N, M] where they depend on the token.
  at::Tensor weights(const at::Tensor& input_ND) const;
  at::Tensor mixing(const at::Tensor& weights) const;  // P [E, E] or [N, E, E]
  template <typename Convolution>
  at::Tensor run_layers(const at::Tensor& experts_NED, const std::vector<Layer>& layers,
                        std::size_t count, Convolution convolve) const;
  at::Tensor sequential(const at::Tensor& experts_NED, const at::Tensor& weights) const;
  at::Tensor batched(const at::Tensor& experts_NED, const at::Tensor& weights) const;
  // X after the first `count` of these layers, all tokens at once.
  at::Tensor convolved(const at::Tensor& experts_NED, const at::Tensor& weights,
                       const std::vector<Layer>& layers, std::size_t count) const;
  at::Tensor batched_mean(const at::Tensor& experts_NED, const at::Tensor& weights,
                          const std::vector<Layer>& layers) const;
  at::Tensor collapsed(const at::Tensor& experts_NED, const at::Tensor& weights) const;
  at::Tensor end_layer(const at::Tensor& convolved_NED, const at::Tensor& x_NED) const;

  Execution execution_;
  HgnnActivation activation_;
  bool residual_, can_read_out_;
  ops::Weighting weighting_;
  HyperedgeWeightParam weight_param_;
  Precision precision_;
  at::Tensor incidence_EM_;      // dense, for P and the sequential path
  ops::IncidenceCsr incidence_;  // the same, for the kernels
  at::Tensor raw_weights_M_;     // the parameter; undefined where the weights are fixed or M = 0
  at::Tensor weight_proj_MD_;    // the parameter; undefined where tokens share the weights
  std::vector<Layer> layers_;
  Combiner combiner_;
};

}  // namespace hgnn_moe
