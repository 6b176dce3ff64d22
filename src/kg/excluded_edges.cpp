#include "hgnn_moe/kg/excluded_edges.h"

#include <algorithm>

#include "hgnn_moe/base/sort_unique.h"

namespace hgnn_moe::kg {

ExcludedEdges::ExcludedEdges(const Graph& graph, const std::vector<Target>& targets)
    : edges_(graph.relations.size()) {
  for (const Target& target : targets) {
    const std::int32_t relation = target.triple.relation;
    const std::int32_t reverse = graph.relations[relation].reverse;
    edges_[relation].push_back(edge_of(target.triple));
    if (reverse != kNoReverse) edges_[reverse].push_back(flipped(edge_of(target.triple)));
  }
  for (auto& edges : edges_) {
    sort_unique(edges);
  }
}

Neighbors ExcludedEdges::heads_of(std::int32_t relation, std::int32_t tail) const {
  const std::vector<Edge>& edges = of(relation);
  const auto first = std::lower_bound(edges.begin(), edges.end(), tail,
                                      [](Edge edge, std::int32_t t) { return edge.tail < t; });
  const auto last = std::upper_bound(first, edges.end(), tail,
                                     [](std::int32_t t, Edge edge) { return t < edge.tail; });
  return {edges.data() + (first - edges.begin()), edges.data() + (last - edges.begin())};
}

const std::vector<Edge>& ExcludedEdges::of(std::int32_t relation) const {
  static const std::vector<Edge> kNone;
  return edges_.empty() ? kNone : edges_[relation];
}

}  // namespace hgnn_moe::kg
