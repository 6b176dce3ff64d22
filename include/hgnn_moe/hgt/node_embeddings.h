// The embeddings of a graph's nodes with what the graph says of the nodes.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/hgt/embedding_file.h"
#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::hgt {

// values_NF: of all nodes of `graph` in its order, on any device.
Embeddings embeddings_of(const kg::Graph& graph, const at::Tensor& values_NF);

}  // namespace hgnn_moe::hgt
