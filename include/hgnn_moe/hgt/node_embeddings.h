// The embeddings of a graph's nodes with what the graph says of the nodes.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/hgt/embedding_file.h"
#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::hgt {

// What nodes are called in files, where type and id are the key and a source has no place: their
// ids, or SOURCE:ID where the type has nodes of that id from several sources.
struct FileIds {
  kg::TextArray ids;           // [nodes]
  std::int64_t qualified = 0;  // nodes that are called SOURCE:ID
};
FileIds file_ids(const kg::Graph& graph);

// values_NF: of all nodes of `graph` in its order, on any device. Notes tell of ids that are not
// the graph's.
Embeddings embeddings_of(const kg::Graph& graph, const at::Tensor& values_NF);

// The rows of one type of the graph that all rows are of, without their notes.
Embeddings of_node_type(const Embeddings& embeddings, const kg::NodeType& type);

}  // namespace hgnn_moe::hgt
