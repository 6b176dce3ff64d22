// Blocks from edges between nodes of the whole graph.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/block.h"
#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

struct RelationEdges {
  std::int32_t relation = 0;
  std::vector<Edge> edges;  // sorted
};

// Which nodes of a graph are in a set, as an ascending list in the end.
class NodeSet {
 public:
  explicit NodeSet(std::int32_t node_count) : has_(static_cast<std::size_t>(node_count), false) {}

  void add(std::int32_t node) { has_[static_cast<std::size_t>(node)] = true; }
  bool has(std::int32_t node) const { return has_[static_cast<std::size_t>(node)]; }
  std::vector<std::int32_t> ascending() const;

 private:
  std::vector<bool> has_;
};

// `destinations` are nodes, ascending; tails are among them. The sources are the destinations and
// all heads. `relations` ascend; those without edges are left out.
Block make_block(std::int32_t node_count, const std::vector<std::int32_t>& destinations,
                 const std::vector<RelationEdges>& relations);

}  // namespace hgnn_moe::kg
