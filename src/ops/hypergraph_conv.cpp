#include "hgnn_moe/ops/hypergraph_conv.h"

#include <ATen/ATen.h>

#include "hgnn_moe/ops/expert_mix.h"

namespace hgnn_moe::ops {

at::Tensor hypergraph_conv(const at::Tensor& x_NED, const at::Tensor& incidence_EM,
                           const at::Tensor& weights, Weighting weighting,
                           const at::Tensor& theta_DD, const at::Tensor& bias_D) {
  const at::Tensor mixing = mixing_matrix(incidence_EM, weights, weighting);
  return expert_mix(mixing, at::linear(x_NED, theta_DD)) + bias_D;
}

}  // namespace hgnn_moe::ops
