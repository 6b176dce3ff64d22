// The types of nodes and the relations of a graph, as the model's parameters know them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::hgt {

struct Schema {
  std::vector<kg::NodeType> node_types;  // in the order of their nodes
  // As torch_geometric names the parameters of an edge type: "HEAD__NAME__TAIL".
  std::vector<std::string> relations;

  std::int64_t num_types() const { return static_cast<std::int64_t>(node_types.size()); }
  std::int64_t num_relations() const { return static_cast<std::int64_t>(relations.size()); }
  std::int64_t num_nodes() const {
    return node_types.empty() ? 0 : node_types.back().first + node_types.back().count;
  }
};

Schema schema_of(const kg::Graph& graph);

}  // namespace hgnn_moe::hgt
