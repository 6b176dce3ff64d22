// Small graphs for the tests, and graphs as text.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/base/test_support.h"

#include "hgnn_moe/kg/graph.h"
#include "hgnn_moe/kg/readers.h"

namespace hgnn_moe::kg::testing {

inline const std::string kPrimeKgHeader =
    "relation,display_relation,x_index,x_id,x_type,x_name,x_source,"
    "y_index,y_id,y_type,y_name,y_source\n";

inline LoadedGraph read_csv(const std::string& text) { return read_primekg({text, "kg.csv"}); }

inline LoadedGraph read_tsv(const std::string& text) {
  return read_triples({{text, "train.txt"}}).front();
}

// "type|source|id|name" of each node in order.
inline std::vector<std::string> nodes_of(const Graph& graph) {
  std::vector<std::string> nodes;
  for (std::int32_t n = 0; n < graph.node_count(); ++n) {
    nodes.push_back(graph.node_types[type_of_node(graph, n)].name + "|" +
                    graph.sources[graph.node_sources[n]] + "|" + std::string(graph.node_ids[n]) +
                    "|" + std::string(graph.node_names[n]));
  }
  return nodes;
}

// "(type, relation, type) id>id" of each edge, in the order of relations and edges.
inline std::vector<std::string> edges_of(const Graph& graph) {
  std::vector<std::string> edges;
  for (const Relation& relation : graph.relations) {
    for (const Edge& edge : relation.edges) {
      edges.push_back(relation_title(graph, relation) + " " +
                      std::string(graph.node_ids[edge.head]) + ">" +
                      std::string(graph.node_ids[edge.tail]));
    }
  }
  return edges;
}

// As edges_of(), each relation's edges with their node numbers: what must not change at all.
inline std::string dump(const Graph& graph) {
  std::string text;
  for (const std::string& node : nodes_of(graph)) text += node + "\n";
  for (const Relation& relation : graph.relations) {
    text += fmt::format("{} direction {} reverse {}:", relation_title(graph, relation),
                        static_cast<int>(relation.direction), relation.reverse);
    for (const Edge& edge : relation.edges) text += fmt::format(" {}>{}", edge.head, edge.tail);
    text += "\n";
  }
  return text;
}

// The message of Error(data) that `action` throws.
template <typename Action>
std::string data_error(Action&& action) {
  return message_of_error(ExitCode::data, action);
}

}  // namespace hgnn_moe::kg::testing
