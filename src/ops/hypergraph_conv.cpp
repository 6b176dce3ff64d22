#include "hgnn_moe/ops/hypergraph_conv.h"

#include <ATen/ATen.h>

#include "hgnn_moe/ops/hypergraph_mix.h"

namespace hgnn_moe::ops {

at::Tensor hypergraph_conv(const at::Tensor& x_NED, const IncidenceCsr& incidence,
                           const at::Tensor& weights, Weighting weighting,
                           const at::Tensor& theta_DD, const at::Tensor& bias_D) {
  const at::Tensor z_NED = theta_DD.defined() ? at::linear(x_NED, theta_DD) : x_NED;
  return hypergraph_mix(z_NED, incidence, weights, weighting, bias_D);
}

}  // namespace hgnn_moe::ops
