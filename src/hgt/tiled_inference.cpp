#include "hgnn_moe/hgt/tiled_inference.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "index_tensor.h"
#include "marked_ends.h"

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

// The nodes of a type among [first, last).
struct Slice {
  std::int64_t begin, count;  // of rows of the type
};

Slice slice_of(const kg::NodeType& type, std::int64_t first, std::int64_t last) {
  const std::int64_t begin = std::clamp<std::int64_t>(first - type.first, 0, type.count);
  return {begin, std::clamp<std::int64_t>(last - type.first, 0, type.count) - begin};
}

// Numbers of the sources that an edge leaves, ascending.
std::vector<std::int32_t> heads_of(const kg::Block& block) {
  const std::vector<bool> is_head = marked_ends(static_cast<std::int64_t>(block.sources.size()),
                                                block.relations, &kg::BlockEdges::heads);
  std::vector<std::int32_t> heads;
  for (std::size_t i = 0; i < is_head.size(); ++i) {
    if (is_head[i]) heads.push_back(block.sources[i]);
  }
  return heads;
}

// Keys and values of all nodes, computed once and not for each tile that they are sources of.
HgtKeysValues keys_values_of_all(const HgtConv& conv, const Schema& schema, std::int64_t width,
                                 const std::vector<at::Tensor>& features, std::int64_t tile_nodes) {
  const at::TensorOptions options = features.front().options();
  const HgtKeysValues all{at::empty({schema.num_nodes(), width}, options),
                          at::empty({schema.num_nodes(), width}, options)};
  for (std::size_t t = 0; t < features.size(); ++t) {
    const kg::NodeType& type = schema.node_types[t];
    for (std::int64_t row = 0; row < type.count; row += tile_nodes) {
      const std::int64_t count = std::min<std::int64_t>(tile_nodes, type.count - row);
      const HgtKeysValues part = conv.keys_values(t, features[t].narrow(0, row, count));
      all.k_SF.narrow(0, type.first + row, count).copy_(part.k_SF);
      all.v_SF.narrow(0, type.first + row, count).copy_(part.v_SF);
    }
  }
  return all;
}

// One layer of all nodes, from `features` into `next`, which may be the same tensors: with all keys
// and values at hand a tile reads no rows but its own.
void layer_of_all_nodes(const HgtEncoder& encoder, const kg::Graph& graph, std::size_t l,
                        std::int64_t tile_nodes, const std::vector<at::Tensor>& features,
                        const std::vector<at::Tensor>& next) {
  const Schema& schema = encoder.schema();
  const HgtConv& conv = encoder.conv(l);
  const at::Device device = features.front().device();
  const HgtKeysValues all =
      keys_values_of_all(conv, schema, encoder.options().hidden_dim, features, tile_nodes);
  for (std::int64_t first = 0; first < schema.num_nodes(); first += tile_nodes) {
    const std::int64_t last = std::min(first + tile_nodes, schema.num_nodes());
    const kg::Block block = block_of_nodes(graph, static_cast<std::int32_t>(first),
                                           static_cast<std::int32_t>(last - first));
    const std::vector<std::int32_t> heads = heads_of(block);
    std::vector<at::Tensor> own;
    for (std::size_t t = 0; t < features.size(); ++t) {
      const Slice slice = slice_of(schema.node_types[t], first, last);
      own.push_back(features[t].narrow(0, slice.begin, slice.count));
    }
    const std::vector<at::Tensor> tile =
        conv.from_keys_values(make_block_tensors(block, schema, device),
                              {rows_of(all.k_SF, heads), rows_of(all.v_SF, heads)}, own);
    for (std::size_t t = 0; t < next.size(); ++t) {
      const Slice slice = slice_of(schema.node_types[t], first, last);
      next[t].narrow(0, slice.begin, slice.count).copy_(tile[t]);
    }
  }
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
  const bool keeps_all = encoder.options().jumping_knowledge;
  LayerFeatures features = {encoder.input().all_nodes()};
  for (std::size_t l = 0; l < encoder.num_layers(); ++l) {
    if (l > 0 && !keeps_all) {
      layer_of_all_nodes(encoder, graph, l, tile_nodes, features.back(), features.back());
      continue;
    }
    // The first layer must not write over learned embeddings.
    std::vector<at::Tensor> next;
    for (const at::Tensor& of_type : features.back()) {
      next.push_back(at::empty({of_type.size(0), encoder.options().hidden_dim}, of_type.options()));
    }
    layer_of_all_nodes(encoder, graph, l, tile_nodes, features.back(), next);
    if (!keeps_all) features.clear();
    features.push_back(std::move(next));
  }
  const std::vector<kg::NodeType>& types = encoder.schema().node_types;
  at::Tensor embeddings_NF = at::empty({graph.node_count(), encoder.options().embedding_dim},
                                       features.front().front().options());
  for (std::size_t t = 0; t < types.size(); ++t) {
    std::vector<at::Tensor> of_type;
    for (std::vector<at::Tensor>& of_layer : features) of_type.push_back(std::move(of_layer[t]));
    embeddings_NF.narrow(0, types[t].first, types[t].count).copy_(encoder.output(t, of_type));
  }
  return embeddings_NF;
}

}  // namespace hgnn_moe::hgt
