// The edges of a graph as pairs of embeddings.
#pragma once

#include "hgnn_moe/hgt/embedding_file.h"
#include "hgnn_moe/hgt/embedding_report.h"
#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::hgt {

// The rows of the ends of all edges but self-loops. A node of the graph is found by type and id, by
// id alone where the file has no types. What is found twice, on either side, is left out: edges of
// such nodes, and of those without an embedding, are counted.
PositivePairs positive_pairs(const kg::Graph& graph, const Embeddings& embeddings);

}  // namespace hgnn_moe::hgt
