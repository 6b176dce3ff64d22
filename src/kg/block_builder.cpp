#include "block_builder.h"

namespace hgnn_moe::kg {
namespace {

// Of each node of the graph, where it stands in `nodes`; undefined for others. A table of all nodes
// takes less time than looking each edge's ends up.
std::vector<std::int32_t> positions_in(const std::vector<std::int32_t>& nodes,
                                       std::int32_t node_count) {
  std::vector<std::int32_t> positions(static_cast<std::size_t>(node_count), -1);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    positions[nodes[i]] = static_cast<std::int32_t>(i);
  }
  return positions;
}

}  // namespace

std::vector<std::int32_t> NodeSet::ascending() const {
  std::vector<std::int32_t> nodes;
  for (std::size_t node = 0; node < has_.size(); ++node) {
    if (has_[node]) nodes.push_back(static_cast<std::int32_t>(node));
  }
  return nodes;
}

Block make_block(std::int32_t node_count, const std::vector<std::int32_t>& destinations,
                 const std::vector<RelationEdges>& relations) {
  NodeSet sources(node_count);
  for (const std::int32_t node : destinations) sources.add(node);
  for (const RelationEdges& relation : relations) {
    for (const Edge& edge : relation.edges) sources.add(edge.head);
  }
  Block block;
  block.sources = sources.ascending();
  const auto source_positions = positions_in(block.sources, node_count);
  const auto destination_positions = positions_in(destinations, node_count);
  block.destinations.reserve(destinations.size());
  for (const std::int32_t node : destinations) {
    block.destinations.push_back(source_positions[node]);
  }
  for (const RelationEdges& relation : relations) {
    if (relation.edges.empty()) continue;
    BlockEdges& edges = block.relations.emplace_back();
    edges.relation = relation.relation;
    edges.heads.reserve(relation.edges.size());
    edges.tails.reserve(relation.edges.size());
    for (const Edge& edge : relation.edges) {
      edges.heads.push_back(source_positions[edge.head]);
      edges.tails.push_back(destination_positions[edge.tail]);
    }
  }
  return block;
}

}  // namespace hgnn_moe::kg
