#include "hgnn_moe/kg/facts.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::kg {

bool is_primary(const Graph& graph, std::int32_t relation) {
  const std::int32_t reverse = graph.relations[relation].reverse;
  return reverse == kNoReverse || relation <= reverse;
}

bool is_primary(const Graph& graph, std::int32_t relation, Edge edge) {
  const bool is_symmetric = graph.relations[relation].reverse == relation;
  return is_primary(graph, relation) && (!is_symmetric || edge.head <= edge.tail);
}

Facts::Facts(const Graph& graph) {
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    const auto relation = static_cast<std::int32_t>(r);
    SharedArray<Edge> edges = graph.relations[r].edges;
    is_symmetric_.push_back(graph.relations[r].reverse == relation);
    if (!is_primary(graph, relation) || edges.empty()) continue;
    if (is_symmetric_.back()) {
      std::vector<Edge> primary;
      primary.reserve(edges.size() / 2 + 1);
      std::copy_if(edges.begin(), edges.end(), std::back_inserter(primary),
                   [](Edge edge) { return edge.head <= edge.tail; });
      primary.shrink_to_fit();  // self-loops have no second edge
      edges = SharedArray<Edge>(std::move(primary));
    }
    offsets_.push_back(offsets_.back() + static_cast<std::int64_t>(edges.size()));
    groups_.push_back({relation, std::move(edges)});
  }
}

Triple Facts::operator[](std::int64_t index) const {
  HGNN_MOE_ASSERT(index >= 0 && index < size(), "fact {} of {}", index, size());
  const auto above = std::upper_bound(offsets_.begin(), offsets_.end(), index);
  const auto group = static_cast<std::size_t>(above - offsets_.begin()) - 1;
  const Edge edge = groups_[group].edges[static_cast<std::size_t>(index - offsets_[group])];
  return {edge.head, groups_[group].relation, edge.tail};
}

}  // namespace hgnn_moe::kg
