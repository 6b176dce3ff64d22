// One expert: a pre-norm transformer block.
#pragma once

#include <cstdint>
#include <string>

#include "hgnn_moe/model/forward_context.h"
#include "hgnn_moe/model/layers.h"
#include "hgnn_moe/model/model_config.h"

namespace hgnn_moe {

// h = x + MHA(norm1(x)); out = h + ffn(norm2(h)) with ffn = Linear, GELU, dropout, Linear,
// dropout. The attention is causal; parameters are named as torch.nn.MultiheadAttention's.
class Expert {
 public:
  // `name` is the prefix of the parameters, e.g. "model_layers.0.experts.1".
  Expert(ParameterStore& store, const std::string& name, const ModelConfig& config,
         std::int64_t layer, std::int64_t index);

  // x_BTD [B, T, D], padded on the right, to [B, T, D]; sample_indices_B [B] int64 is the index of
  // each row in the global step.
  at::Tensor forward(const at::Tensor& x_BTD, const at::Tensor& sample_indices_B,
                     const ForwardContext& context) const;

  const Linear& in_projection() const { return in_projection_; }
  const Linear& out_projection() const { return out_projection_; }
  const LayerNorm& norm1() const { return norm1_; }
  const LayerNorm& norm2() const { return norm2_; }
  const Linear& expand() const { return expand_; }
  const Linear& contract() const { return contract_; }

 private:
  at::Tensor attend(const at::Tensor& x_BTD, const at::Tensor& sample_indices_B,
                    const ForwardContext& context) const;
  at::Tensor feed_forward(const at::Tensor& x_BTD, const at::Tensor& sample_indices_B,
                          const ForwardContext& context) const;

  std::int64_t num_heads_, layer_, index_;
  Linear in_projection_, out_projection_;
  LayerNorm norm1_, norm2_;
  Linear expand_, contract_;
};

}  // namespace hgnn_moe
