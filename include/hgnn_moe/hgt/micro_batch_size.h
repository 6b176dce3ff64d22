// How large the micro-batches of a run are: what their memory depends on.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/graph_data.h"
#include "hgnn_moe/kg/block.h"
#include "hgnn_moe/kg/graph.h"
#include "hgnn_moe/kg/link_batch.h"

namespace hgnn_moe::hgt {

// Nodes and edges of a block. A layer reads rows of a type's features in place where it needs all
// of them, and copies them where it needs some.
struct BlockSize {
  std::int64_t sources = 0;
  std::int64_t destinations = 0;
  std::int64_t heads = 0;  // sources that an edge leaves
  std::int64_t tails = 0;  // destinations that an edge enters
  std::int64_t copied_heads = 0;
  std::int64_t copied_tails = 0;
  std::int64_t copied_destinations = 0;
  std::int64_t edges = 0;
};

struct MicroBatchSize {
  std::vector<BlockSize> layers;  // the first layer's first; none without message passing
  std::int64_t nodes = 0;         // that get an embedding
  std::int64_t asked = 0;         // triples, counted once for each end that is asked for
  std::int64_t candidates = 0;    // of all groups
  std::int64_t scores = 0;        // of triples and candidates
  std::int64_t contrasts = 0;     // of anchors and candidates
};

BlockSize size_of(const kg::Block& block, const std::vector<kg::NodeType>& types);
MicroBatchSize size_of(const kg::LinkBatch& batch, const std::vector<kg::NodeType>& types);

// The larger of two in each number.
MicroBatchSize largest(const MicroBatchSize& a, const MicroBatchSize& b);

// The largest numbers among the first micro-batches of the first `steps` steps, as they will be
// trained on. Throws what sampling throws.
MicroBatchSize sampled_size(const HgtConfig& config, const GraphData& data, std::int64_t steps);

}  // namespace hgnn_moe::hgt
