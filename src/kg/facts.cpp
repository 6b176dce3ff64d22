#include "hgnn_moe/kg/facts.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/sort_unique.h"

namespace hgnn_moe::kg {

bool is_primary(const Graph& graph, std::int32_t relation) {
  const std::int32_t reverse = graph.relations[relation].reverse;
  return reverse == kNoReverse || relation <= reverse;
}

bool is_primary(const Graph& graph, std::int32_t relation, Edge edge) {
  const bool is_symmetric = graph.relations[relation].reverse == relation;
  return is_primary(graph, relation) && (!is_symmetric || edge.head <= edge.tail);
}

std::vector<std::int32_t> primary_relations(const Graph& graph,
                                            const std::vector<std::int32_t>& relations) {
  std::vector<std::int32_t> primary;
  for (const std::int32_t relation : relations) {
    primary.push_back(is_primary(graph, relation) ? relation : graph.relations[relation].reverse);
  }
  sort_unique(primary);
  return primary;
}

Facts::Facts(const Graph& graph) : Facts(graph, all_relations(graph)) {}

Facts::Facts(const Graph& graph, const std::vector<std::int32_t>& relations) {
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    is_symmetric_.push_back(graph.relations[r].reverse == static_cast<std::int32_t>(r));
  }
  for (const std::int32_t relation : primary_relations(graph, relations)) add(graph, relation);
}

void Facts::add(const Graph& graph, std::int32_t relation) {
  SharedArray<Edge> edges = graph.relations[relation].edges;
  if (edges.empty()) return;
  if (is_symmetric_[relation]) {
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

Triple Facts::operator[](std::int64_t index) const {
  HGNN_MOE_ASSERT(index >= 0 && index < size(), "fact {} of {}", index, size());
  const auto above = std::upper_bound(offsets_.begin(), offsets_.end(), index);
  const auto group = static_cast<std::size_t>(above - offsets_.begin()) - 1;
  const Edge edge = groups_[group].edges[static_cast<std::size_t>(index - offsets_[group])];
  return {edge.head, groups_[group].relation, edge.tail};
}

}  // namespace hgnn_moe::kg
