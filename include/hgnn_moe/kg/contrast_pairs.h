// Nodes of one type that resemble each other: diseases by the genes that they share.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

struct ContrastOptions {
  std::int32_t node_type = 0;
  // Neighbours are counted once, in whichever direction and however many of these join them.
  std::vector<std::int32_t> relations;
  double similarity_threshold = 0.1;
  std::int64_t max_partners = 64;  // of each node
};

// Partners of node `type.first + i` are those in [offsets[i], offsets[i + 1]).
struct ContrastPairs {
  std::vector<std::int64_t> offsets;   // one more than nodes of the type
  std::vector<std::int32_t> partners;  // node numbers, the most similar first, then ascending
  std::vector<float> similarities;     // of each partner
};

// The partners of a node are the others of its type whose Jaccard index with it, the size of the
// intersection of their neighbours by that of the union, is above the threshold (which is at least
// 0); the `max_partners` most similar where there are more, so a partner need not list the node in
// return. Exact: nodes that share a neighbour are found through it. The graph should be that of
// training.
ContrastPairs contrast_pairs(const Graph& graph, const ContrastOptions& options);

}  // namespace hgnn_moe::kg
