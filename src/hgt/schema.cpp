#include "hgnn_moe/hgt/schema.h"

namespace hgnn_moe::hgt {

Schema schema_of(const kg::Graph& graph) {
  Schema schema;
  for (const kg::NodeType& type : graph.node_types) {
    schema.node_types.push_back({type.name, type.first, type.count});
  }
  for (const kg::Relation& relation : graph.relations) {
    schema.relations.push_back(graph.node_types[relation.head_type].name + "__" + relation.name +
                               "__" + graph.node_types[relation.tail_type].name);
  }
  return schema;
}

}  // namespace hgnn_moe::hgt
