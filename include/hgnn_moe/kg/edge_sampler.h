// Subgraphs of a few edges of each relation.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/block.h"
#include "hgnn_moe/kg/excluded_edges.h"
#include "hgnn_moe/kg/message_graph.h"

namespace hgnn_moe::kg {

struct RelationEdges;

// edge_sample_size edges of each relation that are not excluded, uniformly without replacement, or
// all where there are no more. A relation and its reverse are drawn apart. Depends on
// (seed, step, relation) alone. Sampling is safe from several threads.
class EdgeSampler {
 public:
  EdgeSampler(MessageGraph graph, std::int64_t edge_sample_size, std::uint64_t seed);

  // One block a layer, for the first layer first: of the subgraph that the drawn edges make, what
  // leads to `nodes` within so many layers. The rest of it would change nothing for them. `nodes`
  // in any order, also repeated; the last block's destinations are they, ascending and each once.
  std::vector<Block> sample(const std::vector<std::int32_t>& nodes, std::int64_t layers,
                            std::int64_t step, const ExcludedEdges& excluded = {}) const;

 private:
  std::vector<RelationEdges> draw(std::int64_t step, const ExcludedEdges& excluded) const;

  MessageGraph graph_;
  std::int64_t edge_sample_size_;
  std::uint64_t seed_;
};

}  // namespace hgnn_moe::kg
