#include "hgnn_moe/kg/graph.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace hgnn_moe::kg {
namespace {

bool is_index(std::int32_t value, std::size_t size) {
  return value >= 0 && static_cast<std::size_t>(value) < size;
}

std::string fault_of_texts(const TextArray& texts, std::int32_t nodes, const char* what) {
  const auto& offsets = texts.offsets;
  if (offsets.size() != static_cast<std::size_t>(nodes) + 1 || offsets[0] != 0 ||
      offsets[nodes] != static_cast<std::int64_t>(texts.bytes.size()) ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    return fmt::format("the {} of the nodes do not fit their number", what);
  }
  return "";
}

std::string fault_of_types(const Graph& graph) {
  std::int32_t first = 0;
  for (const NodeType& type : graph.node_types) {
    if (type.first != first || type.count < 0 || type.count > graph.node_count() - first) {
      return fmt::format("the type {} is no range of the nodes", type.name);
    }
    first += type.count;
  }
  return first == graph.node_count() ? "" : "some nodes have no type";
}

std::string fault_of_edges(const Graph& graph, const Relation& relation) {
  const NodeType& heads = graph.node_types[relation.head_type];
  const NodeType& tails = graph.node_types[relation.tail_type];
  const Edge* previous = nullptr;
  for (const Edge& edge : relation.edges) {
    if (!heads.contains(edge.head) || !tails.contains(edge.tail)) {
      return relation_title(graph, relation) + " joins nodes of other types";
    }
    if (previous != nullptr && !(*previous < edge)) {
      return relation_title(graph, relation) + " is not sorted or holds an edge twice";
    }
    previous = &edge;
  }
  return "";
}

std::string fault_of_reverse(const Graph& graph, std::size_t index) {
  const Relation& relation = graph.relations[index];
  if (relation.reverse == kNoReverse) return "";
  if (!is_index(relation.reverse, graph.relations.size())) return "a reverse does not exist";
  const Relation& reverse = graph.relations[relation.reverse];
  const bool is_mutual = reverse.reverse == static_cast<std::int32_t>(index) &&
                         reverse.head_type == relation.tail_type &&
                         reverse.tail_type == relation.head_type &&
                         reverse.edges.size() == relation.edges.size();
  const bool mirrors =
      is_mutual && std::all_of(relation.edges.begin(), relation.edges.end(), [&](const Edge& edge) {
        return std::binary_search(reverse.edges.begin(), reverse.edges.end(), flipped(edge));
      });
  return mirrors ? "" : relation_title(graph, relation) + " is not mirrored by its reverse";
}

std::string fault_of_relation(const Graph& graph, std::size_t index) {
  const Relation& relation = graph.relations[index];
  if (!is_index(relation.head_type, graph.node_types.size()) ||
      !is_index(relation.tail_type, graph.node_types.size())) {
    return fmt::format("the relation {} joins types that do not exist", relation.name);
  }
  return fault_of_edges(graph, relation);
}

}  // namespace

std::int64_t Graph::edge_count() const {
  std::size_t edges = 0;
  for (const Relation& relation : relations) edges += relation.edges.size();
  return static_cast<std::int64_t>(edges);
}

std::int32_t type_of_node(const Graph& graph, std::int32_t node) {
  // Of several types that begin at one number, the last is the one that is not empty.
  const auto above = std::upper_bound(
      graph.node_types.begin(), graph.node_types.end(), node,
      [](std::int32_t number, const NodeType& type) { return number < type.first; });
  return static_cast<std::int32_t>(above - graph.node_types.begin()) - 1;
}

std::vector<std::int32_t> all_relations(const Graph& graph) {
  std::vector<std::int32_t> relations(graph.relations.size());
  std::iota(relations.begin(), relations.end(), 0);
  return relations;
}

std::string relation_title(const Graph& graph, const Relation& relation) {
  return fmt::format("({}, {}, {})", graph.node_types[relation.head_type].name, relation.name,
                     graph.node_types[relation.tail_type].name);
}

std::int32_t find_relation(const Graph& graph, std::int32_t head_type, std::string_view name,
                           std::int32_t tail_type) {
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    const Relation& relation = graph.relations[r];
    if (relation.head_type == head_type && relation.tail_type == tail_type &&
        relation.name == name) {
      return static_cast<std::int32_t>(r);
    }
  }
  return kNoReverse;
}

std::string find_fault(const Graph& graph) {
  std::string fault = fault_of_types(graph);
  if (fault.empty()) fault = fault_of_texts(graph.node_ids, graph.node_count(), "ids");
  if (fault.empty()) fault = fault_of_texts(graph.node_names, graph.node_count(), "names");
  for (const std::int32_t source : graph.node_sources) {
    if (fault.empty() && !is_index(source, graph.sources.size())) fault = "a source does not exist";
  }
  for (std::size_t r = 0; r < graph.relations.size() && fault.empty(); ++r) {
    fault = fault_of_relation(graph, r);
  }
  for (std::size_t r = 0; r < graph.relations.size() && fault.empty(); ++r) {
    fault = fault_of_reverse(graph, r);
  }
  return fault;
}

}  // namespace hgnn_moe::kg
