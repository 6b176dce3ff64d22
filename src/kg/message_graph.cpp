#include "hgnn_moe/kg/message_graph.h"

#include <algorithm>

namespace hgnn_moe::kg {

MessageGraph::MessageGraph(const Graph& graph) : node_count_(graph.node_count()) {
  for (const Relation& relation : graph.relations) {
    const NodeType& tails = graph.node_types[relation.tail_type];
    tails_.push_back(tails);
    incoming_.emplace_back(relation.edges, tails);
  }
}

double MessageGraph::share_beyond(std::int64_t most) const {
  std::int64_t all = 0, beyond = 0;
  for (std::int32_t r = 0; r < relation_count(); ++r) {
    const NodeType& tails = tails_[r];
    for (std::int32_t tail = tails.first; tail < tails.first + tails.count; ++tail) {
      const std::int64_t degree = incoming_[r].heads_of(tail).size();
      all += degree;
      beyond += std::max<std::int64_t>(0, degree - most);
    }
  }
  return all == 0 ? 0.0 : static_cast<double>(beyond) / static_cast<double>(all);
}

}  // namespace hgnn_moe::kg
