#include "hgnn_moe/kg/message_graph.h"

namespace hgnn_moe::kg {

MessageGraph::MessageGraph(const Graph& graph) : node_count_(graph.node_count()) {
  for (const Relation& relation : graph.relations) {
    const NodeType& tails = graph.node_types[relation.tail_type];
    tails_.push_back(tails);
    incoming_.emplace_back(relation.edges, tails);
  }
}

}  // namespace hgnn_moe::kg
