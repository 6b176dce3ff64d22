// The model of link prediction: an encoder of nodes and a decoder of triples.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/decoder.h"
#include "hgnn_moe/hgt/hgt_encoder.h"
#include "hgnn_moe/hgt/parameters.h"
#include "hgnn_moe/kg/graph.h"
#include "hgnn_moe/kg/link_batch.h"
#include "hgnn_moe/train/optimizer.h"

namespace hgnn_moe::hgt {

// Parts of a loss that was divided by the counts of its whole step, so that those of micro-batches
// add up; scalars on the model's device.
struct LinkLosses {
  at::Tensor link;      // mean over the step's triples and their two ends
  at::Tensor contrast;  // mean over the step's anchors; undefined where nothing is contrasted

  // link + weight contrast
  at::Tensor total(double contrastive_weight) const;
};

// What a forward pass leaves for the backward pass to fill in.
struct LinkForward {
  LinkLosses losses;
  std::vector<std::int32_t> input_nodes;  // whose features were read, ascending
  at::Tensor learned_rows;                // as InputFeatures
};

class LinkModel {
 public:
  // Parameters are "encoder.*" and "decoder.*". With node_features given, features_NF are [nodes,
  // F] in the graph's order; else they are undefined.
  LinkModel(const HgtConfig& config, const kg::Graph& graph, at::Device device,
            const at::Tensor& features_NF = {});

  // The losses of a micro-batch in training: with dropout, by step.
  LinkForward forward(const kg::LinkBatch& batch) const;
  // [nodes, embedding_dim] of all nodes, with messages along the edges of `graph`.
  at::Tensor embed(const kg::Graph& graph) const;

  const Decoder& decoder() const { return decoder_; }
  at::Device device() const { return device_; }
  // All parameters but the node embeddings, which are a table of rows.
  const ParameterList& dense_parameters() const { return parameters_.list(); }
  // Empty where none is learned: with other features, and with random ones, which stay as they are.
  ParameterList learned_table() const;
  // All of both, and a random table too: what a checkpoint holds.
  ParameterList all_parameters() const;
  std::int64_t parameter_count() const;

 private:
  at::Tensor encode(const kg::LinkBatch& batch, LinkForward& forward) const;
  at::Tensor loss_of_group(const kg::LinkBatch& batch, const kg::CandidateGroup& group,
                           const at::Tensor& embeddings_NF) const;
  at::Tensor loss_of_contrast(const kg::ContrastSet& set, const at::Tensor& embeddings_NF) const;

  HgtConfig config_;
  at::Device device_;
  Parameters parameters_;
  HgtEncoder encoder_;
  Decoder decoder_;
};

}  // namespace hgnn_moe::hgt
