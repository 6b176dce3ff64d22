#include "hgnn_moe/hgt/positive_pairs.h"

#include <vector>

#include "embedding_rows.h"

namespace hgnn_moe::hgt {

PositivePairs positive_pairs(const kg::Graph& graph, const Embeddings& embeddings) {
  const std::vector<std::int32_t> row_of = rows_of_nodes(graph, embeddings);
  PositivePairs pairs;
  for (const kg::Relation& relation : graph.relations) {
    for (const kg::Edge& edge : relation.edges) {
      if (edge.head == edge.tail) continue;
      const std::int32_t head = row_of[static_cast<std::size_t>(edge.head)];
      const std::int32_t tail = row_of[static_cast<std::size_t>(edge.tail)];
      if (head == kNoRow || tail == kNoRow) {
        ++pairs.left_out;
        continue;
      }
      pairs.heads.push_back(head);
      pairs.tails.push_back(tail);
    }
  }
  return pairs;
}

}  // namespace hgnn_moe::hgt
