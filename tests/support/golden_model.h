// Models of the golden files, for tests of the model and of training.
#pragma once

#include <string>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "tests/support/tensors.h"

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/model/language_model.h"

namespace hgnn_moe::testing {

inline CouplerType coupler_type_of(const std::string& name) {
  if (name == "GNN") return CouplerType::gnn;
  if (name == "HGNN") return CouplerType::hgnn;
  return name == "MEAN" ? CouplerType::mean : CouplerType::none;
}

inline ModelConfig golden_config(const GoldenFile& golden) {
  const auto& note = golden.metadata;
  const at::Tensor& tokens = golden.at("param.token_emb.weight");
  ModelConfig config;
  config.vocab_size = tokens.size(0);
  config.embed_dim = tokens.size(1);
  config.max_seq_length = golden.at("param.pos_emb.weight").size(0);
  config.num_layers = std::stoll(note.at("num_layers"));
  config.num_heads = std::stoll(note.at("num_heads"));
  config.num_experts = std::stoll(note.at("num_experts"));
  config.coupler_layers = std::stoll(note.at("gnn_layers"));
  config.coupler_type = coupler_type_of(note.at("coupler_type"));
  config.weighting = note.at("weighting") == "paper" ? ops::Weighting::paper : ops::Weighting::pyg;
  config.weight_param =
      note.at("weight_param") == "raw" ? HyperedgeWeightParam::raw : HyperedgeWeightParam::positive;
  config.weight_source = note.at("weight_source") == "token" ? HyperedgeWeightSource::token
                                                             : HyperedgeWeightSource::shared;
  config.activation = note.at("activation") == "gelu" ? HgnnActivation::gelu : HgnnActivation::none;
  config.residual = note.at("residual") == "true";
  config.learnable_weights = note.at("learnable") == "true";
  config.hypergraph = {config.num_experts,
                       parse_json(note.at("hyperedges"), "golden", ExitCode::data)
                           .get<std::vector<std::vector<std::int64_t>>>()};
  return config;
}

// Overwrites the model's parameters by the file's param.NAME; names must agree exactly.
inline void copy_golden_parameters(const GoldenFile& golden, const LanguageModel& model) {
  std::size_t in_file = 0;
  for (const auto& [name, tensor] : golden.tensors) in_file += name.rfind("param.", 0) == 0;
  ASSERT_EQ(in_file, model.parameters().size());
  const c10::NoGradGuard no_grad;
  for (const NamedParameter& parameter : model.parameters()) {
    const at::Tensor& value = golden.at("param." + parameter.name);
    ASSERT_EQ(value.sizes(), parameter.tensor.sizes()) << parameter.name;
    parameter.tensor.copy_(value);
  }
}

// Mean cross entropy of the next token over the real targets of padded rows [B, T].
inline at::Tensor next_token_loss(const LanguageModel& model, const at::Tensor& tokens_BT,
                                  const at::Tensor& lengths_B, const ForwardContext& context) {
  const auto last = tokens_BT.size(1) - 1;
  const at::Tensor hidden_BTD = model.hidden(tokens_BT, context).narrow(1, 0, last);
  const at::Tensor real_BT = at::arange(1, last + 1, at::kLong).lt(lengths_B.view({-1, 1}));
  const at::Tensor real_K = real_BT.flatten().nonzero().squeeze(1);
  const at::Tensor targets_BT = tokens_BT.narrow(1, 1, last);
  return model.loss(hidden_BTD.flatten(0, 1).index_select(0, real_K),
                    targets_BT.flatten().index_select(0, real_K),
                    1.0 / static_cast<double>(real_K.size(0)));
}

}  // namespace hgnn_moe::testing
