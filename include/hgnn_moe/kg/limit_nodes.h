// Smaller graphs for quick runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

struct LimitReport {
  std::int64_t nodes_before = 0;
  std::int64_t nodes_after = 0;
  std::int64_t edges_before = 0;
  std::int64_t edges_after = 0;
  std::int64_t isolated_after = 0;          // nodes kept that have no edge left
  std::vector<std::int64_t> nodes_dropped;  // of each node type
  std::vector<std::int64_t> edges_dropped;  // of each relation
};

struct LimitedGraph {
  Graph graph;
  LimitReport report;
};

// The subgraph induced by at most `max_nodes` nodes (above 0): all edges between them. Each type
// keeps its share of the nodes that have edges, at least one while there is room for all; nodes
// without edges are kept only when all others are. Types and relations stay, also those left
// empty, and so does the order of nodes. A graph that is small enough comes back as it is.
//
// Within a type, nodes are drawn without replacement with chances in proportion to their edges
// (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006), then twice again
// with the edges that lead to nodes drawn before. Draws depend on `seed` and the node alone.
LimitedGraph limit_nodes(const Graph& graph, std::int64_t max_nodes, std::uint64_t seed);

// A sentence on the whole, and a line for each type and relation that lost something.
std::string to_text(const LimitedGraph& limited);

}  // namespace hgnn_moe::kg
