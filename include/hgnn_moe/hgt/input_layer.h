// Where the features of nodes come from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/hgt/parameters.h"
#include "hgnn_moe/hgt/schema.h"

namespace hgnn_moe::hgt {

enum class NodeFeatures {
  learned,  // an embedding of each node
  given,    // features of the nodes, through a linear layer and a ReLU of their type
  ones,     // the same with 1 as a node's only feature: nodes of a type differ by their edges alone
};

struct InputOptions {
  NodeFeatures kind = NodeFeatures::learned;
  std::vector<std::int64_t> given_dims;  // of given features, for each type
  double deviation = 1.0;                // of learned features at the start
  // For each type, or empty: its nodes have no features but 0, so that messages alone tell of them
  // and a node that was never trained on is embedded like any other (Hamilton et al., NeurIPS 2017,
  // arXiv 1706.02216, "inductive").
  std::vector<bool> inductive;
};

// Features of some nodes, ascending, by type.
struct InputFeatures {
  std::vector<at::Tensor> by_type;  // [n_t, F]
  // With learned embeddings the rows of the table, a leaf that `by_type` are views of: the backward
  // pass leaves their gradient there, and the table is never differentiated as a whole.
  at::Tensor learned_rows;  // [n, F], else undefined
};

// Layers per type as in torch_geometric's example hgt_dblp.py: relu(lin_dict.TYPE(features)).
// Embeddings begin normal(0, 1), as torch.nn.Embedding's.
class InputLayer {
 public:
  // Makes lin_dict.TYPE.{weight,bias} behind `prefix`, or PREFIXnode_emb.weight [nodes, F], which
  // is not in the list of `parameters` because only rows of it are updated (sparse_adam.h).
  InputLayer(Parameters& parameters, const std::string& prefix, const Schema& schema,
             std::int64_t features, const InputOptions& options);

  NodeFeatures kind() const { return kind_; }
  // Of the learned embeddings; its tensor is undefined with other features.
  const NamedParameter& node_embeddings() const { return node_embeddings_; }
  // A tensor [nodes of the type, F_t] for each type, to be called once where features are given.
  void set_given(std::vector<at::Tensor> features_by_type);

  // Of `nodes`, ascending numbers.
  InputFeatures operator()(const std::vector<std::int32_t>& nodes) const;
  // Of all nodes; learned embeddings get no gradient, and are views of the table but for those of
  // inductive types.
  std::vector<at::Tensor> all_nodes() const;

 private:
  at::Tensor of_type(std::size_t type, const at::Tensor& rows) const;
  at::Tensor no_features(std::int64_t nodes) const;

  Schema schema_;
  NodeFeatures kind_;
  std::int64_t features_;
  std::vector<bool> is_inductive_;  // of each type
  std::vector<std::int64_t> dims_;  // of the types' features before their layer
  at::ScalarType type_;
  at::Device device_;
  NamedParameter node_embeddings_;
  std::vector<Linear> layers_;
  std::vector<at::Tensor> given_;
};

}  // namespace hgnn_moe::hgt
