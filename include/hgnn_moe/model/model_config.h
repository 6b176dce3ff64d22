// What the model needs to know of a configuration, and the sizes that follow from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/ops/hypergraph.h"

namespace hgnn_moe {

struct ModelConfig {
  std::int64_t vocab_size = 0;      // V
  std::int64_t max_seq_length = 0;  // T
  std::int64_t embed_dim = 0;       // D
  std::int64_t num_layers = 0;      // L
  std::int64_t num_heads = 0;       // A
  std::int64_t num_experts = 0;     // E
  std::int64_t coupler_layers = 0;  // G
  double dropout_rate = 0.0;
  CouplerType coupler_type = CouplerType::gnn;
  ops::Hypergraph hypergraph;  // of an HGNN; M = hypergraph.num_hyperedges()
  ops::Weighting weighting = ops::Weighting::pyg;
  HyperedgeWeightParam weight_param = HyperedgeWeightParam::positive;
  bool learnable_weights = true;
  HyperedgeWeightSource weight_source = HyperedgeWeightSource::shared;
  HgnnActivation activation = HgnnActivation::none;
  bool residual = false;  // X <- act(conv(X)) + X in an HGNN
  Precision precision = Precision::fp32;

  std::int64_t head_dim() const { return embed_dim / num_heads; }
  bool has_coupler_layers() const {
    return coupler_type == CouplerType::gnn || coupler_type == CouplerType::hgnn;
  }
  // An HGNN without hyperedges computes MEAN.
  bool hypergraph_is_empty() const { return hypergraph.num_hyperedges() == 0; }
  // Whether there is a graph, and with it a choice of how to compute it.
  bool has_graph() const {
    return has_coupler_layers() && !(coupler_type == CouplerType::hgnn && hypergraph_is_empty());
  }
  bool has_token_weights() const {
    return has_hyperedge_weights() && weight_source == HyperedgeWeightSource::token;
  }
  // Whether an HGNN is linear up to its readout.
  bool can_collapse() const {
    return coupler_type == CouplerType::hgnn && activation == HgnnActivation::none && !residual;
  }
  bool has_hyperedge_weights() const {
    return coupler_type == CouplerType::hgnn && learnable_weights && !hypergraph_is_empty();
  }
};

// Reads hyperedges_file where one is given. Throws as read_hyperedges_file does.
ModelConfig make_model_config(const TrainConfig& config, std::int64_t vocab_size);

// The hyperedges of a JSON list of lists of distinct expert indices. Throws Error(data) where the
// file cannot be read, Error(usage) where it holds anything else.
ops::Hypergraph read_hyperedges_file(const std::string& path, std::int64_t num_experts);

// What is odd about a hypergraph read from a file, a sentence each: experts in no hyperedge,
// hyperedges that hold nobody or stand there twice.
std::vector<std::string> hypergraph_notes(const ModelConfig& config);

struct ParameterCounts {
  std::int64_t embeddings = 0;  // token_emb, pos_emb
  std::int64_t experts = 0;
  std::int64_t couplers = 0;
  std::int64_t head = 0;  // output_norm, lm_head

  std::int64_t total() const { return embeddings + experts + couplers + head; }
};

ParameterCounts count_parameters(const ModelConfig& config);

}  // namespace hgnn_moe
