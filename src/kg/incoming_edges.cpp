#include "hgnn_moe/kg/incoming_edges.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::kg {

std::int64_t Neighbors::find(std::int32_t node) const {
  const Edge* found = std::lower_bound(
      first_, last_, node, [](const Edge& edge, std::int32_t head) { return edge.head < head; });
  return found != last_ && found->head == node ? found - first_ : kNowhere;
}

IncomingEdges::IncomingEdges(SharedArray<Edge> edges, const NodeType& tails)
    : edges_(std::move(edges)), first_tail_(tails.first) {
  if (edges_.empty()) return;
  HGNN_MOE_ASSERT(edges_.size() <= std::numeric_limits<std::int32_t>::max(), "{} edges",
                  edges_.size());
  std::vector<std::int32_t> offsets(static_cast<std::size_t>(tails.count) + 1, 0);
  for (const Edge& edge : edges_) ++offsets[edge.tail - first_tail_ + 1];
  for (std::size_t i = 1; i < offsets.size(); ++i) offsets[i] += offsets[i - 1];
  offsets_ = SharedArray<std::int32_t>(std::move(offsets));
}

Neighbors IncomingEdges::heads_of(std::int32_t tail) const {
  const std::int64_t row = static_cast<std::int64_t>(tail) - first_tail_;
  if (row < 0 || row + 1 >= static_cast<std::int64_t>(offsets_.size())) return {};
  return {edges_.data() + offsets_[row], edges_.data() + offsets_[row + 1]};
}

}  // namespace hgnn_moe::kg
