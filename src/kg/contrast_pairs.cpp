#include "hgnn_moe/kg/contrast_pairs.h"

#include <algorithm>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/sort_unique.h"

namespace hgnn_moe::kg {

ContrastPairs::Lists ContrastPairs::lists_of(Entries entries, std::int32_t count) {
  sort_unique(entries);
  Lists lists;
  lists.offsets.resize(static_cast<std::size_t>(count) + 1, 0);
  lists.values.reserve(entries.size());
  for (const auto& [list, value] : entries) {
    ++lists.offsets[list + 1];
    lists.values.push_back(value);
  }
  for (std::int32_t i = 0; i < count; ++i) lists.offsets[i + 1] += lists.offsets[i];
  return lists;
}

ContrastPairs::ContrastPairs(const Graph& graph, const ContrastOptions& options)
    : similarity_threshold_(options.similarity_threshold),
      type_(graph.node_types.at(static_cast<std::size_t>(options.node_type))) {
  HGNN_MOE_ASSERT(similarity_threshold_ >= 0, "threshold {}", similarity_threshold_);
  Entries entries;  // (place in the type, neighbour)
  for (const std::int32_t r : options.relations) {
    for (const Edge& edge : graph.relations[r].edges) {
      if (type_.contains(edge.head)) entries.emplace_back(edge.head - type_.first, edge.tail);
      if (type_.contains(edge.tail)) entries.emplace_back(edge.tail - type_.first, edge.head);
    }
  }
  neighbors_ = lists_of(entries, type_.count);
  for (auto& [member, neighbor] : entries) std::swap(member, neighbor);
  members_ = lists_of(std::move(entries), graph.node_count());
  for (std::int32_t i = 0; i < type_.count; ++i) {
    if (!partners_of(type_.first + i).empty()) nodes_.push_back(type_.first + i);
  }
}

std::vector<ContrastPartner> ContrastPairs::partners_of(std::int32_t node) const {
  HGNN_MOE_ASSERT(type_.contains(node), "node {} is not of type {}", node, type_.name);
  const std::int32_t member = node - type_.first;
  std::vector<std::int32_t> sharing;  // another member, once for each neighbour that both have
  for (auto n = neighbors_.begin_of(member); n != neighbors_.end_of(member); ++n) {
    sharing.insert(sharing.end(), members_.begin_of(*n), members_.end_of(*n));
  }
  std::sort(sharing.begin(), sharing.end());
  std::vector<ContrastPartner> partners;
  for (auto first = sharing.begin(); first != sharing.end();) {
    const auto last = std::upper_bound(first, sharing.end(), *first);
    const double similarity = jaccard(member, *first, last - first);
    if (*first != member && similarity > similarity_threshold_) {
      partners.push_back({type_.first + *first, similarity});
    }
    first = last;
  }
  std::sort(partners.begin(), partners.end(),
            [](const ContrastPartner& a, const ContrastPartner& b) {
              return a.similarity != b.similarity ? a.similarity > b.similarity : a.node < b.node;
            });
  return partners;
}

double ContrastPairs::jaccard(std::int32_t a, std::int32_t b, std::int64_t shared) const {
  const std::int64_t either = neighbors_.size_of(a) + neighbors_.size_of(b) - shared;
  return static_cast<double>(shared) / static_cast<double>(either);
}

}  // namespace hgnn_moe::kg
