// Edges that no message may pass along because they are what is asked for.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/incoming_edges.h"

namespace hgnn_moe::kg {

// The targets of a whole batch and their reverses: all its micro-batches leave out the same edges,
// or their neighbourhoods would differ from the batch's.
class ExcludedEdges {
 public:
  ExcludedEdges() = default;  // none
  ExcludedEdges(const Graph& graph, const std::vector<Target>& targets);

  Neighbors heads_of(std::int32_t relation, std::int32_t tail) const;
  // Sorted by (tail, head), each once.
  const std::vector<Edge>& of(std::int32_t relation) const;

 private:
  std::vector<std::vector<Edge>> edges_;  // of each relation; empty where there are no targets
};

}  // namespace hgnn_moe::kg
