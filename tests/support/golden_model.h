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
  std::vector<std::int64_t> lengths, indices, positions, targets;
  std::int64_t first = 0;  // of the sample among the real tokens
  for (std::int64_t b = 0; b < tokens_BT.size(0); ++b) {
    const auto length = lengths_B[b].item<std::int64_t>();
    for (std::int64_t t = 0; t + 1 < length; ++t) {
      positions.push_back(first + t);
      targets.push_back(tokens_BT[b][t + 1].item<std::int64_t>());
    }
    lengths.push_back(length);
    indices.push_back(b);
    first += length;
  }
  const auto samples = ops::make_packed_samples(lengths, indices, tokens_BT.device());
  const at::Tensor hidden_ND = model.hidden(ops::pack_padded(tokens_BT, samples), samples, context);
  return model.loss(hidden_ND.index_select(0, at::tensor(positions, tokens_BT.options())),
                    at::tensor(targets, tokens_BT.options()),
                    1.0 / static_cast<double>(targets.size()));
}

}  // namespace hgnn_moe::testing
