// Neighbourhoods of nodes, cut down to a bounded number of neighbours.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/block.h"
#include "hgnn_moe/kg/excluded_edges.h"
#include "hgnn_moe/kg/message_graph.h"

namespace hgnn_moe::kg {

inline constexpr std::int64_t kAllNeighbors = -1;

// For each hop, of each node and each relation into it, at most num_neighbors[hop] edges that are
// not excluded: uniformly without replacement, or all where there are no more (Hamilton et al.,
// "Inductive representation learning on large graphs", 2017; per relation as PyG's
// NeighborLoader). Hop 0 is the one nearest to the seeds.
//
// A draw depends on (seed, step, hop, relation, node) alone. So a node has the same neighbours
// whatever else is asked for: the blocks of micro-batches are parts of the blocks of their batch,
// if the same edges are excluded. Sampling is safe from several threads.
class NeighborSampler {
 public:
  // Each number at least 0, or kAllNeighbors; one for each layer.
  NeighborSampler(MessageGraph graph, std::vector<std::int64_t> num_neighbors, std::uint64_t seed);

  // One block a hop, for the first layer first. `seeds` in any order, also repeated; the last
  // block's destinations are they, ascending and each once.
  std::vector<Block> sample(const std::vector<std::int32_t>& seeds, std::int64_t step,
                            const ExcludedEdges& excluded = {}) const;

 private:
  Block sample_hop(const std::vector<std::int32_t>& nodes, std::size_t hop, std::int64_t step,
                   const ExcludedEdges& excluded) const;

  MessageGraph graph_;
  std::vector<std::int64_t> num_neighbors_;
  std::uint64_t seed_;
};

// The nodes that a block gives features of, ascending.
std::vector<std::int32_t> destination_nodes(const Block& block);

// Where each of `nodes` stands among the destinations: its row in the features that come out. All
// of them are destinations.
std::vector<std::int32_t> destination_rows(const Block& block,
                                           const std::vector<std::int32_t>& nodes);

}  // namespace hgnn_moe::kg
