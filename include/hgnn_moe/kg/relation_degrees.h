// What degrees alone say about a pair: the baseline of link prediction.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

// Counts edges of one relation.
class RelationDegrees {
 public:
  RelationDegrees(const Graph& graph, std::int32_t relation);

  std::int32_t of_head(std::int32_t node) const { return heads_[node - first_head_]; }
  std::int32_t of_tail(std::int32_t node) const { return tails_[node - first_tail_]; }

  // ln((1 + u)(1 + v)) for the degrees u of the head and v of the tail.
  double log_product(Edge pair) const;

  // uv / sqrt((uv)^2 + (m - u - v + 1)^2) for m edges: about how often the pair is joined when
  // edges are switched at random and degrees stay (XSwap). Zietz et al., "The probability of edge
  // existence due to node degree: a baseline for network-based predictions", GigaScience 2024.
  double edge_prior(Edge pair) const;

 private:
  std::int32_t first_head_ = 0;
  std::int32_t first_tail_ = 0;
  std::int64_t edges_ = 0;
  std::vector<std::int32_t> heads_;  // of each node of the heads' type
  std::vector<std::int32_t> tails_;
};

}  // namespace hgnn_moe::kg
