#include "hgnn_moe/hgt/node_embeddings.h"

#include <ATen/ATen.h>

namespace hgnn_moe::hgt {

Embeddings embeddings_of(const kg::Graph& graph, const at::Tensor& values_NF) {
  Embeddings embeddings;
  embeddings.values_NF = values_NF.to(at::kCPU, at::kFloat).contiguous();
  for (const kg::NodeType& type : graph.node_types) {
    const auto index = static_cast<std::int32_t>(embeddings.type_names.size());
    embeddings.type_names.push_back(type.name);
    embeddings.node_types.insert(embeddings.node_types.end(), static_cast<std::size_t>(type.count),
                                 index);
  }
  embeddings.node_ids = graph.node_ids;
  embeddings.node_names = graph.node_names;
  return embeddings;
}

}  // namespace hgnn_moe::hgt
