#include "hgnn_moe/hgt/schema.h"

namespace hgnn_moe::hgt {

Schema schema_of(const kg::Graph& graph) {
  Schema schema;
  schema.node_types = graph.node_types;
  for (const kg::Relation& relation : graph.relations) {
    schema.relations.push_back(graph.node_types[relation.head_type].name + "__" + relation.name +
                               "__" + graph.node_types[relation.tail_type].name);
  }
  return schema;
}

}  // namespace hgnn_moe::hgt
