#include <ATen/ATen.h>

#include "hypergraph_mix_kernels.h"

#include "hgnn_moe/ops/expert_mix.h"

namespace hgnn_moe::ops {

HypergraphMixGradients hypergraph_mix_gradient_aten(const HypergraphMixInputs& in,
                                                    const at::Tensor& d_out) {
  const at::ScalarType type = in.weights.scalar_type();
  const at::Tensor h_EM = dense_incidence(in.incidence, in.weights.options());
  const at::Tensor per_hyperedge_M = h_EM.sum(0).reciprocal().nan_to_num(0.0, 0.0, 0.0);
  const at::Tensor x_NED = in.x_NED.to(type), dy_NED = d_out.to(type);
  const at::Tensor mixing = mixing_matrix(h_EM, in.weights, in.weighting);
  at::Tensor d_mixing = at::bmm(dy_NED, x_NED.transpose(1, 2));
  if (mixing.dim() == 2) d_mixing = d_mixing.sum(0);
  // P_ij = S_ij / d_i, so the derivative by d_i is -sum_j dP_ij P_ij / d_i; 0 where 1/d_i is.
  const at::Tensor degree = at::matmul(in.weights, h_EM.t());
  const at::Tensor is_noise = (mixing == 0).all(-1);
  const at::Tensor inverse = degree.reciprocal().masked_fill(is_noise, 0.0);
  const at::Tensor d_degree = -(d_mixing * mixing).sum(-1) * inverse;
  at::Tensor d_weights = at::matmul(d_degree, h_EM);
  if (in.weighting == Weighting::paper) {
    const at::Tensor scaled = d_mixing * inverse.unsqueeze(-1);
    d_weights = d_weights + (at::matmul(scaled, h_EM) * h_EM).sum(-2) * per_hyperedge_M;
  }
  return {expert_mix(mixing.transpose(-2, -1), d_out.to(in.x_NED.scalar_type())), d_weights,
          in.bias_D.defined() ? dy_NED.sum(at::IntArrayRef{0, 1}) : at::Tensor()};
}

}  // namespace hgnn_moe::ops
