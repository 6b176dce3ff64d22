#include "hgnn_moe/hgt/positive_pairs.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hgnn_moe::hgt {
namespace {

constexpr std::int32_t kNone = -1;

// Type and id in one text; no id holds the byte between them.
std::string key_of(std::string_view type, std::string_view id) {
  std::string key(type);
  key += '\0';
  key += id;
  return key;
}

// The row of each key, kNone where several have it.
std::unordered_map<std::string, std::int32_t> rows_by_key(const Embeddings& embeddings) {
  std::unordered_map<std::string, std::int32_t> rows;
  for (std::int32_t row = 0; row < embeddings.nodes(); ++row) {
    const auto type = static_cast<std::size_t>(embeddings.node_types[row]);
    const std::string_view name =
        embeddings.is_typed ? std::string_view(embeddings.type_names[type]) : "";
    const auto [place, is_new] = rows.emplace(key_of(name, embeddings.node_ids[row]), row);
    if (!is_new) place->second = kNone;
  }
  return rows;
}

// The row of each node of the graph, kNone where it has none of its own.
std::vector<std::int32_t> rows_of_nodes(const kg::Graph& graph, const Embeddings& embeddings) {
  const auto rows = rows_by_key(embeddings);
  std::vector<std::int32_t> row_of(static_cast<std::size_t>(graph.node_count()), kNone);
  std::vector<std::int32_t> claims(static_cast<std::size_t>(embeddings.nodes()), 0);
  for (const kg::NodeType& type : graph.node_types) {
    for (std::int32_t node = type.first; node < type.first + type.count; ++node) {
      const std::string_view name = embeddings.is_typed ? std::string_view(type.name) : "";
      const auto found = rows.find(key_of(name, graph.node_ids[node]));
      if (found == rows.end() || found->second == kNone) continue;
      row_of[static_cast<std::size_t>(node)] = found->second;
      ++claims[static_cast<std::size_t>(found->second)];
    }
  }
  for (std::int32_t& row : row_of) {
    if (row != kNone && claims[static_cast<std::size_t>(row)] > 1) row = kNone;
  }
  return row_of;
}

}  // namespace

PositivePairs positive_pairs(const kg::Graph& graph, const Embeddings& embeddings) {
  const std::vector<std::int32_t> row_of = rows_of_nodes(graph, embeddings);
  PositivePairs pairs;
  for (const kg::Relation& relation : graph.relations) {
    for (const kg::Edge& edge : relation.edges) {
      if (edge.head == edge.tail) continue;
      const std::int32_t head = row_of[static_cast<std::size_t>(edge.head)];
      const std::int32_t tail = row_of[static_cast<std::size_t>(edge.tail)];
      if (head == kNone || tail == kNone) {
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
