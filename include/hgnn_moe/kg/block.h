// What a layer computes on: blocks, as DGL calls them (message-flow graphs). The same structure
// serves mini-batches, tiles of inference and whole graphs.
#pragma once

#include <cstdint>
#include <vector>

namespace hgnn_moe::kg {

// The edges of one relation inside a block; sorted by (tail, head).
struct BlockEdges {
  std::int32_t relation = 0;        // of the graph
  std::vector<std::int32_t> heads;  // positions in Block::sources
  std::vector<std::int32_t> tails;  // positions in Block::destinations
};

// One layer's part of a graph: from the features of `sources` come those of `destinations`.
// Messages go from head to tail. Of the blocks of a model, blocks[0] is the first layer's, the
// sources of each are the destinations of the one before it, and the destinations of the last are
// the nodes asked for.
struct Block {
  std::vector<std::int32_t> sources;       // node numbers, ascending: grouped by type
  std::vector<std::int32_t> destinations;  // positions in `sources`, ascending
  std::vector<BlockEdges> relations;       // those with edges, ascending
};

}  // namespace hgnn_moe::kg
