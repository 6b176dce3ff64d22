#include "hgnn_moe/model/language_model.h"

#include <numeric>

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <c10/core/GradMode.h>

#include "recomputed.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/model/profile_scopes.h"

namespace hgnn_moe {

LanguageModel::LanguageModel(const ModelConfig& config, std::uint64_t seed, at::ScalarType type,
                             at::Device device, const Execution& execution)
    : config_(config),
      execution_{resolve_path(config, execution.coupler_path), execution.coupler_chunk,
                 resolve_path(execution.expert_path), execution.checkpointing},
      store_(seed, type, device) {
  HGNN_MOE_ASSERT(config.embed_dim % config.num_heads == 0, "D {} and {} heads", config.embed_dim,
                  config.num_heads);
  const std::int64_t d = config.embed_dim;
  const Initializer normal = Initializer::normal(kWeightDeviation);
  token_emb_VD_ = store_.add("token_emb.weight", {config.vocab_size, d}, normal);
  pos_emb_TD_ = store_.add("pos_emb.weight", {config.max_seq_length, d}, normal);
  for (std::int64_t l = 0; l < config.num_layers; ++l) {
    const std::size_t first = store_.list().size();
    layers_.emplace_back(store_, config, l, execution_);
    layer_parameters_.emplace_back();
    for (std::size_t i = first; i < store_.list().size(); ++i) {
      layer_parameters_.back().push_back(store_.list()[i].tensor);
    }
  }
  output_norm_ = LayerNorm::create(store_, "output_norm", d);
  lm_head_ = Linear::create(store_, "lm_head", d, config.vocab_size, config.precision);
}

at::Tensor LanguageModel::embed(const at::Tensor& tokens_N, const ops::PackedSamples& samples,
                                const ForwardContext& context) const {
  RECORD_USER_SCOPE(profile_scope::kEmbedding);
  const at::Tensor x_ND =
      at::embedding(token_emb_VD_, tokens_N) + at::embedding(pos_emb_TD_, samples.positions_N);
  return ops::counter_dropout(x_ND.unsqueeze(1), context.embedding_dropout(), samples.samples_N,
                              samples.positions_N)
      .squeeze(1);
}

ForwardContext LanguageModel::with_keys(const ForwardContext& context) const {
  if (!context.drops() || context.keys.embedding_1.defined()) return context;
  ForwardContext result = context;
  const auto keys =
      StepKeys::make(context.seed, context.step, config_.num_layers, config_.num_experts);
  result.keys = StepKeys::view(ops::dropout_keys(keys).to(store_.device()), config_.num_layers,
                               config_.num_experts);
  return result;
}

at::Tensor LanguageModel::run_layer(std::size_t index, const at::Tensor& x_ND,
                                    const ops::PackedSamples& samples,
                                    const ForwardContext& context) const {
  const auto run = [this, index, samples, context](const at::Tensor& x) {
    return layers_[index].forward(x, samples, context);
  };
  const bool keeps_all = execution_.checkpointing == ActivationCheckpointing::none;
  if (keeps_all || !c10::GradMode::is_enabled()) return run(x_ND);
  return recomputed(run, x_ND, layer_parameters_[index]);
}

at::Tensor LanguageModel::hidden(const at::Tensor& tokens_N, const ops::PackedSamples& samples,
                                 const ForwardContext& given_context) const {
  HGNN_MOE_ASSERT(samples.max_length <= config_.max_seq_length, "{} tokens, T = {}",
                  samples.max_length, config_.max_seq_length);
  const ForwardContext context = with_keys(given_context);
  at::Tensor x_ND = embed(tokens_N, samples, context);
  for (std::size_t l = 0; l < layers_.size(); ++l) x_ND = run_layer(l, x_ND, samples, context);
  RECORD_USER_SCOPE(profile_scope::kHead);
  return output_norm_(x_ND);
}

at::Tensor LanguageModel::hidden(const at::Tensor& tokens_BT, const ForwardContext& context) const {
  const std::int64_t batch = tokens_BT.size(0), length = tokens_BT.size(1);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(batch));
  std::iota(indices.begin(), indices.end(), 0);
  const std::vector<std::int64_t> lengths(indices.size(), length);
  const auto samples = ops::make_packed_samples(lengths, indices, tokens_BT.device());
  return hidden(tokens_BT.flatten(), samples, context).view({batch, length, config_.embed_dim});
}

at::Tensor LanguageModel::logits(const at::Tensor& hidden) const { return lm_head_(hidden); }

ops::LinearCrossEntropyInputs LanguageModel::head(const at::Tensor& hidden_KD,
                                                  const at::Tensor& targets_K) const {
  const at::ScalarType products = product_type(config_.precision, hidden_KD.scalar_type());
  ops::LinearCrossEntropyInputs in{hidden_KD, lm_head_.weight, lm_head_.bias, targets_K, products};
  if (products != hidden_KD.scalar_type()) {
    in.rounded_weight_VD = lm_head_.rounded->values(products);
  }
  return in;
}

at::Tensor LanguageModel::loss(const at::Tensor& hidden_KD, const at::Tensor& targets_K,
                               double scale, const at::Tensor& weights_K) const {
  RECORD_USER_SCOPE(profile_scope::kHead);
  ops::LinearCrossEntropyInputs in = head(hidden_KD, targets_K);
  in.weights_K = weights_K;
  return ops::linear_cross_entropy(in, scale);
}

at::Tensor LanguageModel::losses(const at::Tensor& hidden_KD, const at::Tensor& targets_K) const {
  RECORD_USER_SCOPE(profile_scope::kHead);
  return ops::linear_cross_entropy_losses(head(hidden_KD, targets_K));
}

}  // namespace hgnn_moe
