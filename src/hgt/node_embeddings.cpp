#include "hgnn_moe/hgt/node_embeddings.h"

#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/kg/text_list.h"

namespace hgnn_moe::hgt {

FileIds file_ids(const kg::Graph& graph) {
  std::vector<bool> is_shared(static_cast<std::size_t>(graph.node_count()), false);
  FileIds result;
  for (const kg::NodeType& type : graph.node_types) {
    std::unordered_map<std::string_view, std::int32_t> first_of_id;
    for (std::int32_t node = type.first; node < type.first + type.count; ++node) {
      const auto [place, is_new] = first_of_id.emplace(graph.node_ids[node], node);
      if (is_new) continue;
      is_shared[static_cast<std::size_t>(node)] = true;
      is_shared[static_cast<std::size_t>(place->second)] = true;
    }
  }
  kg::TextList ids;
  for (std::int32_t node = 0; node < graph.node_count(); ++node) {
    if (!is_shared[static_cast<std::size_t>(node)]) {
      ids.add(graph.node_ids[node]);
      continue;
    }
    ids.add(fmt::format("{}:{}", graph.sources[static_cast<std::size_t>(graph.node_sources[node])],
                        graph.node_ids[node]));
    ++result.qualified;
  }
  result.ids = std::move(ids).share();
  return result;
}

Embeddings embeddings_of(const kg::Graph& graph, const at::Tensor& values_NF) {
  Embeddings embeddings;
  embeddings.values_NF = values_NF.to(at::kCPU, at::kFloat).contiguous();
  for (const kg::NodeType& type : graph.node_types) {
    const auto index = static_cast<std::int32_t>(embeddings.type_names.size());
    embeddings.type_names.push_back(type.name);
    embeddings.node_types.insert(embeddings.node_types.end(), static_cast<std::size_t>(type.count),
                                 index);
  }
  FileIds ids = file_ids(graph);
  embeddings.node_ids = std::move(ids.ids);
  embeddings.node_names = graph.node_names;
  if (ids.qualified > 0) {
    embeddings.notes.push_back(
        fmt::format("{} nodes are called SOURCE:ID, because their type has nodes of the same id "
                    "from several sources",
                    ids.qualified));
  }
  return embeddings;
}

Embeddings of_node_type(const Embeddings& embeddings, const kg::NodeType& type) {
  HGNN_MOE_ASSERT(type.first + type.count <= embeddings.nodes(), "rows to {} of {}",
                  type.first + type.count, embeddings.nodes());
  Embeddings part;
  part.values_NF = embeddings.values_NF.narrow(0, type.first, type.count).contiguous();
  part.type_names = {type.name};
  part.node_types.assign(static_cast<std::size_t>(type.count), 0);
  kg::TextList ids, names;
  for (std::int32_t node = type.first; node < type.first + type.count; ++node) {
    ids.add(embeddings.node_ids[node]);
    names.add(embeddings.node_names[node]);
  }
  part.node_ids = std::move(ids).share();
  part.node_names = std::move(names).share();
  return part;
}

}  // namespace hgnn_moe::hgt
