#include "hgnn_moe/kg/relation_degrees.h"

#include <cmath>

namespace hgnn_moe::kg {

RelationDegrees::RelationDegrees(const Graph& graph, std::int32_t relation) {
  const Relation& counted = graph.relations[relation];
  const NodeType& heads = graph.node_types[counted.head_type];
  const NodeType& tails = graph.node_types[counted.tail_type];
  first_head_ = heads.first;
  first_tail_ = tails.first;
  edges_ = static_cast<std::int64_t>(counted.edges.size());
  heads_.resize(static_cast<std::size_t>(heads.count), 0);
  tails_.resize(static_cast<std::size_t>(tails.count), 0);
  for (const Edge& edge : counted.edges) {
    ++heads_[edge.head - first_head_];
    ++tails_[edge.tail - first_tail_];
  }
}

double RelationDegrees::log_product(Edge pair) const {
  return std::log1p(of_head(pair.head)) + std::log1p(of_tail(pair.tail));
}

double RelationDegrees::edge_prior(Edge pair) const {
  const double u = of_head(pair.head);
  const double v = of_tail(pair.tail);
  // Not both are zero: without an edge of u, the second is 1 + m - v > 0.
  return u * v / std::hypot(u * v, static_cast<double>(edges_) - u - v + 1);
}

}  // namespace hgnn_moe::kg
