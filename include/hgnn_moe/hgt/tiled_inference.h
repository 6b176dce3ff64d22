// Embeddings of all nodes of a graph in bounded memory.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/hgt/hgt_encoder.h"
#include "hgnn_moe/kg/block.h"
#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::hgt {

// The block whose destinations are nodes [first, first + count), with all their incoming edges.
kg::Block block_of_nodes(const kg::Graph& graph, std::int32_t first, std::int32_t count);

// [nodes, embedding_dim] from the edges of `graph`, whose types and relations are the encoder's.
// Layer by layer, tile_nodes destinations at a time: in memory are a layer's features, keys and
// values of all nodes, and of a tile the keys and values of its sources. What a tile computes does
// not depend on the others, so tiles change results by rounding alone. Without dropout, and nothing
// is recorded for a backward pass.
at::Tensor embed_all_nodes(const HgtEncoder& encoder, const kg::Graph& graph,
                           std::int64_t tile_nodes);

}  // namespace hgnn_moe::hgt
