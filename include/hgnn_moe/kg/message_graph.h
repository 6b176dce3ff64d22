// The graph that messages pass along: for each relation, the heads of every tail.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/incoming_edges.h"

namespace hgnn_moe::kg {

// Of a training graph with its reverses (reverses.h), so that messages pass both ways. Shares the
// graph's edges; copies share all.
class MessageGraph {
 public:
  explicit MessageGraph(const Graph& graph);

  std::int32_t node_count() const { return node_count_; }
  std::int32_t relation_count() const { return static_cast<std::int32_t>(incoming_.size()); }
  const NodeType& tails(std::int32_t relation) const { return tails_[relation]; }
  const IncomingEdges& incoming(std::int32_t relation) const { return incoming_[relation]; }

  // Of all messages, the share that is left out where a node takes at most `most` of each relation;
  // 0 of none.
  double share_beyond(std::int64_t most) const;

 private:
  std::int32_t node_count_ = 0;
  std::vector<NodeType> tails_;          // of each relation
  std::vector<IncomingEdges> incoming_;  // of each relation
};

}  // namespace hgnn_moe::kg
