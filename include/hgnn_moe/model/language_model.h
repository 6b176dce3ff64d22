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
                at::Device device, const Execution& execution = {});

  // tokens_N [N] int64, the tokens of `samples`, none longer than T. Returns the normalised output
  // [N, D].
  at::Tensor hidden(const at::Tensor& tokens_N, const ops::PackedSamples& samples,
                    const ForwardContext& context) const;
  // tokens_BT [B, T'] of the samples 0 to B - 1, all of length T'. Returns [B, T', D].
  at::Tensor hidden(const at::Tensor& tokens_BT, const ForwardContext& context) const;

  // hidden [..., D] to logits [..., V].
  at::Tensor logits(const at::Tensor& hidden) const;

  // The sum of -log softmax(logits)[target] of K rows hidden_KD [K, D] with targets_K [K] int64,
  // times `scale`; a scalar. Logits never exist whole, see ops::linear_cross_entropy, and weights_K
  // there for a factor of each row.
  at::Tensor loss(const at::Tensor& hidden_KD, const at::Tensor& targets_K, double scale,
                  const at::Tensor& weights_K = {}) const;
  // Each of those, [K], without a gradient.
  at::Tensor losses(const at::Tensor& hidden_KD, const at::Tensor& targets_K) const;

  const ModelConfig& config() const { return config_; }
  // How it is computed, automatic resolved.
  const Execution& execution() const { return execution_; }
  CouplerPath coupler_path() const { return execution_.coupler_path; }
  ExpertPath expert_path() const { return execution_.expert_path; }
  const ParameterList& parameters() const { return store_.list(); }
  const std::vector<MoeLayer>& layers() const { return layers_; }

 private:
  ForwardContext with_keys(const ForwardContext& context) const;
  // A layer of which, with checkpointing, only the input is kept for the backward pass.
  at::Tensor run_layer(std::size_t index, const at::Tensor& x_ND, const ops::PackedSamples& samples,
                       const ForwardContext& context) const;
  at::Tensor embed(const at::Tensor& tokens_N, const ops::PackedSamples& samples,
                   const ForwardContext& context) const;
  ops::LinearCrossEntropyInputs head(const at::Tensor& hidden_KD,
                                     const at::Tensor& targets_K) const;

  ModelConfig config_;
  Execution execution_;
  ParameterStore store_;
  at::Tensor token_emb_VD_, pos_emb_TD_;
  std::vector<MoeLayer> layers_;
  std::vector<std::vector<at::Tensor>> layer_parameters_;  // of each, for checkpointing
  LayerNorm output_norm_;
  Linear lm_head_;
};

}  // namespace hgnn_moe
