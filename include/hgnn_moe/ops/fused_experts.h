// All experts of a layer in one operation: E pre-norm transformer blocks on the same packed tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/folded_projection.h"
#include "hgnn_moe/ops/packed_samples.h"
#include "hgnn_moe/ops/rounded_weight.h"

namespace hgnn_moe::ops {

// One kind of parameter of all experts.
struct ExpertParameter {
  at::Tensor all;                   // [E, ...], contiguous
  std::vector<at::Tensor> experts;  // E leaves of the autograd graph, the rows of `all`
  // Of a weight that products take in a narrower type: its values in that, [E, ...], and E that
  // keep their rows there; else nothing.
  at::Tensor rounded_all = {};
  std::vector<RoundedWeightPtr> rounded = {};

  // All experts' values in `type`, without a gradient: `all`, the rounded ones, or a cast.
  at::Tensor in_type(at::ScalarType type) const;
};

struct ExpertWeights {
  ExpertParameter qkv_weight, qkv_bias;            // [E, 3D, D] (rows q, k, v), [E, 3D]
  ExpertParameter out_weight, out_bias;            // [E, D, D], [E, D]
  ExpertParameter norm1_weight, norm1_bias;        // [E, D] each
  ExpertParameter norm2_weight, norm2_bias;        // [E, D] each
  ExpertParameter expand_weight, expand_bias;      // [E, F, D], [E, F]; F = 4D
  ExpertParameter contract_weight, contract_bias;  // [E, D, F], [E, D]
  // Where it is kept from one pass to the next; null: it is made anew.
  std::shared_ptr<KeptProjection> kept_projection = nullptr;
};

// Streams of dropout, the keys of one an expert: see dropout_keys.
struct ExpertStreams {
  double rate = 0.0;  // 0: the keys are not read
  at::Tensor attention_E, hidden_E, output_E;
};

// x_ND [N, D] to [N, E, D]: h = x + attention(norm1(x)), out = h + ffn(norm2(h)) of every expert,
// as model/expert.h has it. Normalisation, softmax, residuals and sums keep x's type; what products
// take and give, and so what passes between them, is of `products`: x's type, or bfloat16 beside
// float32. Gradients of weights are rounded to it once, except on a GPU. norm1 is applied once: its
// weight and bias are folded into the projections to queries, keys and values, which are one
// product for all experts. Differentiable in x and in the experts' leaves.
at::Tensor fused_experts(const at::Tensor& x_ND, const ExpertWeights& weights,
                         std::int64_t num_heads, const PackedSamples& samples,
                         const ExpertStreams& streams, at::ScalarType products);

}  // namespace hgnn_moe::ops
