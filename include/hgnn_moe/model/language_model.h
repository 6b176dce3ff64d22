// The language model: embeddings, L layers of coupled experts, head.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/model/forward_context.h"
#include "hgnn_moe/model/model_config.h"
#include "hgnn_moe/model/moe_layer.h"
#include "hgnn_moe/model/parameter_store.h"
#include "hgnn_moe/ops/linear_cross_entropy.h"

namespace hgnn_moe {

class LanguageModel {
 public:
  // Parameters are made in published order and initialised from `seed`; `type` is kFloat, or
  // kDouble where tests compare with references.
  LanguageModel(const ModelConfig& config, std::uint64_t seed, at::ScalarType type,
                at::Device device, const CouplerExecution& execution = {});

  // tokens_BT [B, T'] int64, T' <= T. Returns the normalised output [B, T', D]. Rows of padding
  // hold values that mean nothing.
  at::Tensor hidden(const at::Tensor& tokens_BT, const ForwardContext& context) const;

  // hidden [..., D] to logits [..., V].
  at::Tensor logits(const at::Tensor& hidden) const;

  // The sum of -log softmax(logits)[target] of K rows hidden_KD [K, D] with targets_K [K] int64,
  // times `scale`; a scalar. Logits never exist whole, see ops::linear_cross_entropy.
  at::Tensor loss(const at::Tensor& hidden_KD, const at::Tensor& targets_K, double scale) const;
  // Each of those, [K], without a gradient.
  at::Tensor losses(const at::Tensor& hidden_KD, const at::Tensor& targets_K) const;

  const ModelConfig& config() const { return config_; }
  // How its couplers are computed, automatic resolved.
  CouplerPath coupler_path() const { return execution_.path; }
  const ParameterList& parameters() const { return store_.list(); }
  const std::vector<MoeLayer>& layers() const { return layers_; }

 private:
  at::Tensor embed(const at::Tensor& tokens_BT, const ForwardContext& context) const;
  ops::LinearCrossEntropyInputs head(const at::Tensor& hidden_KD,
                                     const at::Tensor& targets_K) const;

  ModelConfig config_;
  CouplerExecution execution_;
  ParameterStore store_;
  at::Tensor token_emb_VD_, pos_emb_TD_;
  std::vector<MoeLayer> layers_;
  LayerNorm output_norm_;
  Linear lm_head_;
};

}  // namespace hgnn_moe
