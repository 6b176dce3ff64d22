#include "hgnn_moe/hgt/tiled_inference.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {

namespace {

struct EdgeRange {
  const kg::Edge *begin, *end;
};

// A relation's edges to the nodes: they are sorted by tail.
EdgeRange edges_to(const kg::Relation& relation, std::int32_t first, std::int32_t count) {
  const auto ends_before = [](const kg::Edge& edge, std::int32_t node) { return edge.tail < node; };
  const kg::Edge* const all = relation.edges.data();
  const kg::Edge* const end = all + relation.edges.size();
  const kg::Edge* const begin = std::lower_bound(all, end, first, ends_before);
  return {begin, std::lower_bound(begin, end, first + count, ends_before)};
}

// Rows of each type's features for the ascending nodes, by type.
std::vector<at::Tensor> features_of(const std::vector<std::int32_t>& nodes, const Schema& schema,
                                    const std::vector<at::Tensor>& features) {
  const at::Tensor numbers = at::tensor(nodes, at::kLong);
  std::vector<at::Tensor> rows;
  for (std::size_t t = 0; t < features.size(); ++t) {
    const kg::NodeType& type = schema.node_types[t];
    const auto begin = std::lower_bound(nodes.begin(), nodes.end(), type.first);
    const auto end = std::lower_bound(begin, nodes.end(), type.first + type.count);
    const at::Tensor of_type = numbers.narrow(0, begin - nodes.begin(), end - begin) - type.first;
    rows.push_back(features[t].index_select(0, of_type.to(features[t].device())));
  }
  return rows;
}

// One layer of all nodes.
std::vector<at::Tensor> layer_of_all_nodes(const HgtEncoder& encoder, const kg::Graph& graph,
                                           std::size_t l, const std::vector<at::Tensor>& features,
                                           std::int64_t tile_nodes) {
  const Schema& schema = encoder.schema();
  std::vector<at::Tensor> next;
  for (const at::Tensor& of_type : features) {
    next.push_back(at::empty({of_type.size(0), encoder.options().hidden_dim}, of_type.options()));
  }
  std::vector<std::int64_t> written(features.size(), 0);
  for (std::int64_t first = 0; first < schema.num_nodes(); first += tile_nodes) {
    const std::int64_t count = std::min(tile_nodes, schema.num_nodes() - first);
    const kg::Block block =
        block_of_nodes(graph, static_cast<std::int32_t>(first), static_cast<std::int32_t>(count));
    const BlockTensors tensors = make_block_tensors(block, schema, features.front().device());
    const std::vector<at::Tensor> tile =
        encoder.layer(l, tensors, features_of(block.sources, schema, features));
    for (std::size_t t = 0; t < next.size(); ++t) {
      next[t].narrow(0, written[t], tile[t].size(0)).copy_(tile[t]);
      written[t] += tile[t].size(0);
    }
  }
  return next;
}

}  // namespace

kg::Block block_of_nodes(const kg::Graph& graph, std::int32_t first, std::int32_t count) {
  std::vector<bool> is_source(static_cast<std::size_t>(graph.node_count()), false);
  std::fill_n(is_source.begin() + first, count, true);
  for (const kg::Relation& relation : graph.relations) {
    const EdgeRange edges = edges_to(relation, first, count);
    for (const kg::Edge* edge = edges.begin; edge != edges.end; ++edge) {
      is_source[static_cast<std::size_t>(edge->head)] = true;
    }
  }
  kg::Block block;
  std::vector<std::int32_t> position(is_source.size());
  for (std::size_t node = 0; node < is_source.size(); ++node) {
    position[node] = static_cast<std::int32_t>(block.sources.size());
    if (is_source[node]) block.sources.push_back(static_cast<std::int32_t>(node));
  }
  for (std::int32_t i = 0; i < count; ++i) block.destinations.push_back(position[first + i]);
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    const EdgeRange edges = edges_to(graph.relations[r], first, count);
    if (edges.begin == edges.end) continue;
    kg::BlockEdges of_relation;
    of_relation.relation = static_cast<std::int32_t>(r);
    for (const kg::Edge* edge = edges.begin; edge != edges.end; ++edge) {
      of_relation.heads.push_back(position[edge->head]);
      of_relation.tails.push_back(edge->tail - first);
    }
    block.relations.push_back(of_relation);
  }
  return block;
}

at::Tensor embed_all_nodes(const HgtEncoder& encoder, const kg::Graph& graph,
                           std::int64_t tile_nodes) {
  HGNN_MOE_ASSERT(tile_nodes > 0 && graph.node_count() == encoder.schema().num_nodes(),
                  "tiles of {} nodes of a graph of {}, the encoder's has {}", tile_nodes,
                  graph.node_count(), encoder.schema().num_nodes());
  const c10::NoGradGuard no_grad;
  LayerFeatures features = {encoder.input().all_nodes()};
  for (std::size_t l = 0; l < encoder.num_layers(); ++l) {
    std::vector<at::Tensor> next =
        layer_of_all_nodes(encoder, graph, l, features.back(), tile_nodes);
    if (!encoder.options().jumping_knowledge) features.clear();
    features.push_back(std::move(next));
  }
  return encoder.output(features);
}

}  // namespace hgnn_moe::hgt
