// A knowledge graph: nodes of several types, and relations between them, each with its edges.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hgnn_moe/kg/shared_array.h"

namespace hgnn_moe::kg {

// Node numbers. An edge says that `head` stands in a relation to `tail`.
struct Edge {
  std::int32_t head = 0;
  std::int32_t tail = 0;
};

inline bool operator==(Edge a, Edge b) { return a.head == b.head && a.tail == b.tail; }
inline bool operator<(Edge a, Edge b) {
  return a.tail != b.tail ? a.tail < b.tail : a.head < b.head;
}
inline Edge flipped(Edge edge) { return {edge.tail, edge.head}; }

// Its nodes are [first, first + count), so that the features of a type are one range of rows.
struct NodeType {
  std::string name;
  std::int32_t first = 0;
  std::int32_t count = 0;

  bool contains(std::int32_t node) const { return node >= first && node - first < count; }
};

// What the format of a file says about a relation. An undirected one holds both ways, whether a
// file lists both or one.
enum class Direction { unknown, undirected, directed };

inline constexpr std::int32_t kNoReverse = -1;

// A relation is known by (head type, name, tail type): two relations may share their name.
struct Relation {
  std::int32_t head_type = 0;
  std::string name;
  std::int32_t tail_type = 0;
  Direction direction = Direction::unknown;
  // The relation that holds each of these edges flipped, and nothing else; itself where the
  // relation is symmetric; kNoReverse before with_reverses (reverses.h).
  std::int32_t reverse = kNoReverse;
  SharedArray<Edge> edges;  // sorted by (tail, head), each once
};

// The texts of all nodes: text i is bytes [offsets[i], offsets[i + 1]).
struct TextArray {
  SharedArray<std::int64_t> offsets;  // one more than there are texts
  SharedArray<char> bytes;            // UTF-8

  std::string_view operator[](std::int32_t index) const {
    return {bytes.data() + offsets[index],
            static_cast<std::size_t>(offsets[index + 1] - offsets[index])};
  }
};

// Nodes are numbered by type, and within a type in the order of their first appearance. A node's
// key is its type, its source and its id. Copies share the arrays.
struct Graph {
  std::vector<NodeType> node_types;
  std::vector<std::string> sources;        // data bases that the ids come from
  SharedArray<std::int32_t> node_sources;  // of each node
  TextArray node_ids;
  TextArray node_names;
  std::vector<Relation> relations;

  std::int32_t node_count() const { return static_cast<std::int32_t>(node_sources.size()); }
  std::int64_t edge_count() const;
};

// The index in graph.node_types of the type of `node`.
std::int32_t type_of_node(const Graph& graph, std::int32_t node);

// Their numbers, ascending.
std::vector<std::int32_t> all_relations(const Graph& graph);

// "(drug, indication, disease)"
std::string relation_title(const Graph& graph, const Relation& relation);

// One of (head type, name, tail type), or kNoReverse where there is none.
std::int32_t find_relation(const Graph& graph, std::int32_t head_type, std::string_view name,
                           std::int32_t tail_type);

// What is wrong with a graph, or "": ranges of types, texts, order and range of edges, reverses.
std::string find_fault(const Graph& graph);

}  // namespace hgnn_moe::kg
