// Launchers of hypergraph_mix, Y_n = P(w_n) X_n + b: contiguous tensors, shapes checked by the
// caller.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/cpu_isa.h"
#include "hgnn_moe/ops/hypergraph.h"

namespace hgnn_moe::ops {

// x [N, E, D] of float64, float32 or bfloat16; weights and bias of float64 beside float64, else of
// float32; the incidence on x's device.
struct HypergraphMixInputs {
  at::Tensor x_NED;
  IncidenceCsr incidence;
  at::Tensor weights;  // [M], or [N, M] where graph n reads row n
  Weighting weighting;
  at::Tensor bias_D;  // undefined: none
};

struct HypergraphMixGradients {
  at::Tensor x_NED;
  at::Tensor weights;  // summed over tokens, where they share them, in an order that depends on the
                       // shape alone
  at::Tensor bias_D;   // likewise; undefined where there is no bias
};

void hypergraph_mix_cpu(CpuIsa isa, const HypergraphMixInputs& in, at::Tensor& out);

// P is computed again from the weights: nothing of size N E E is kept.
HypergraphMixGradients hypergraph_mix_gradient_cpu(CpuIsa isa, const HypergraphMixInputs& in,
                                                   const at::Tensor& d_out);

void hypergraph_mix_cuda(const HypergraphMixInputs& in, at::Tensor& out);
HypergraphMixGradients hypergraph_mix_gradient_cuda(const HypergraphMixInputs& in,
                                                    const at::Tensor& d_out);

// The same gradients in plain ATen, for what no kernel serves. Stores P of all tokens.
HypergraphMixGradients hypergraph_mix_gradient_aten(const HypergraphMixInputs& in,
                                                    const at::Tensor& d_out);

}  // namespace hgnn_moe::ops
