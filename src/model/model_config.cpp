#include "hgnn_moe/model/model_config.h"

#include <set>

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

namespace {

ops::Hypergraph strategy_hypergraph(HyperedgeStrategy strategy, std::int64_t num_experts) {
  switch (strategy) {
    case HyperedgeStrategy::all_pairs:
      return ops::complete_uniform_hypergraph(num_experts, 2);
    case HyperedgeStrategy::all_triplets:
      return ops::complete_uniform_hypergraph(num_experts, 3);
    case HyperedgeStrategy::all:
      return num_experts < 2 ? ops::Hypergraph{num_experts, {}}
                             : ops::complete_uniform_hypergraph(num_experts, num_experts);
  }
  HGNN_MOE_ASSERT(false, "strategy {}", static_cast<int>(strategy));
}

std::vector<std::int64_t> read_hyperedge(const Json& members, std::size_t index,
                                         const std::string& path, std::int64_t num_experts) {
  if (!members.is_array()) {
    fail(ExitCode::usage, "hyperedges_file {}: hyperedge {} is {}; write a list of expert indices",
         path, index, members.dump());
  }
  std::set<std::int64_t> distinct;
  for (const Json& member : members) {
    if (!member.is_number_integer() || member.get<std::int64_t>() < 0 ||
        member.get<std::int64_t>() >= num_experts) {
      fail(ExitCode::usage,
           "hyperedges_file {}: hyperedge {} holds {}; expert indices are integers from 0 to {}",
           path, index, member.dump(), num_experts - 1);
    }
    if (!distinct.insert(member.get<std::int64_t>()).second) {
      fail(ExitCode::usage, "hyperedges_file {}: hyperedge {} holds expert {} twice; name it once",
           path, index, member.dump());
    }
  }
  return {distinct.begin(), distinct.end()};
}

// A file that is not there is no wrong option: the same command may do on another machine.
std::string read_hyperedges_text(const std::string& path) {
  try {
    return read_text_file(path, ExitCode::data);
  } catch (const Error& error) {
    fail(error.code(), "hyperedges_file: {}", error.what());
  }
}

}  // namespace

ops::Hypergraph read_hyperedges_file(const std::string& path, std::int64_t num_experts) {
  const Json file = parse_json(read_hyperedges_text(path), path, ExitCode::usage);
  if (!file.is_array()) {
    fail(ExitCode::usage, "hyperedges_file {}: holds {}; write a list of lists of expert indices",
         path, file.type_name());
  }
  ops::Hypergraph graph{num_experts, {}};
  for (std::size_t m = 0; m < file.size(); ++m) {
    graph.hyperedges.push_back(read_hyperedge(file[m], m, path, num_experts));
  }
  return graph;
}

ModelConfig make_model_config(const TrainConfig& config, std::int64_t vocab_size) {
  ModelConfig model;
  model.vocab_size = vocab_size;
  model.max_seq_length = config.max_seq_length;
  model.embed_dim = config.embed_dim;
  model.num_layers = config.num_layers;
  model.num_heads = resolved_num_heads(config);
  model.num_experts = config.num_experts;
  model.coupler_layers = config.gnn_layers;
  model.dropout_rate = config.dropout_rate;
  model.coupler_type = config.coupler_type;
  model.weighting = config.hyperedge_weighting == HyperedgeWeighting::pyg ? ops::Weighting::pyg
                                                                          : ops::Weighting::paper;
  model.weight_param = config.hyperedge_weight_param;
  model.learnable_weights = config.hgnn_learnable_edge_weights;
  model.weight_source = config.hyperedge_weight_source;
  model.activation = config.hgnn_activation;
  model.residual = config.hgnn_residual;
  model.precision = config.precision;
  if (config.coupler_type == CouplerType::hgnn) {
    model.hypergraph =
        config.hyperedges_file.empty()
            ? strategy_hypergraph(config.static_hyperedge_strategy, config.num_experts)
            : read_hyperedges_file(config.hyperedges_file, config.num_experts);
  }
  return model;
}

std::vector<std::string> hypergraph_notes(const ModelConfig& config) {
  const auto& hyperedges = config.hypergraph.hyperedges;
  if (config.coupler_type != CouplerType::hgnn || hyperedges.empty()) return {};
  std::set<std::int64_t> isolated;
  for (std::int64_t e = 0; e < config.num_experts; ++e) isolated.insert(e);
  std::vector<std::size_t> empty, repeated;
  std::set<std::vector<std::int64_t>> seen;
  for (std::size_t m = 0; m < hyperedges.size(); ++m) {
    if (hyperedges[m].empty()) {
      empty.push_back(m);
    } else if (!seen.insert(hyperedges[m]).second) {
      repeated.push_back(m);
    }
    for (const std::int64_t expert : hyperedges[m]) isolated.erase(expert);
  }
  std::vector<std::string> notes;
  if (!empty.empty()) {
    notes.push_back(
        fmt::format("hyperedges without experts do nothing: {} of them, the first is {}",
                    empty.size(), empty.front()));
  }
  if (!repeated.empty()) {
    notes.push_back(fmt::format(
        "hyperedges with the experts of an earlier one count more than once: {} of them, the first "
        "is {}",
        repeated.size(), repeated.front()));
  }
  if (!isolated.empty() && !config.residual) {
    notes.push_back(
        fmt::format("experts in no hyperedge: {}; what they compute never reaches the next layer",
                    fmt::join(isolated, ", ")));
  }
  return notes;
}

ParameterCounts count_parameters(const ModelConfig& config) {
  const std::int64_t d = config.embed_dim, e = config.num_experts, g = config.coupler_layers;
  const std::int64_t combiner = d * d + 3 * d;
  std::int64_t coupler = 0;
  switch (config.coupler_type) {
    case CouplerType::gnn:
      coupler = g * (2 * (d * d + d) + 2 * d + 1 + e * e) + combiner;
      break;
    case CouplerType::hgnn:
      coupler = g * (d * d + d) + combiner +
                (config.has_hyperedge_weights() ? config.hypergraph.num_hyperedges() : 0) +
                (config.has_token_weights() ? config.hypergraph.num_hyperedges() * d : 0);
      break;
    case CouplerType::mean:
      coupler = combiner;
      break;
    case CouplerType::none:
      break;
  }
  ParameterCounts counts;
  counts.embeddings = (config.vocab_size + config.max_seq_length) * d;
  counts.experts = config.num_layers * e * (12 * d * d + 13 * d);
  counts.couplers = config.num_layers * coupler;
  counts.head = 2 * d + config.vocab_size * d + config.vocab_size;
  return counts;
}

}  // namespace hgnn_moe
