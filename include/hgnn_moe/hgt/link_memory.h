// What training takes in memory, before it begins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/graph_data.h"
#include "hgnn_moe/hgt/micro_batch_size.h"
#include "hgnn_moe/hgt/schema.h"

namespace hgnn_moe::hgt {

// Parameters of the model that `config` describes: one for each number that is learned.
struct LinkParameterCount {
  std::int64_t table = 0;  // of the node embeddings, whose rows are learned or drawn
  bool table_is_learned = true;
  std::int64_t dense = 0;

  std::int64_t learned() const { return dense + (table_is_learned ? table : 0); }
};
// `features_width`: numbers of a node with node_features given.
LinkParameterCount count_parameters(const HgtConfig& config, const Schema& schema,
                                    std::int64_t features_width = 0);

// Bytes that embedding all nodes takes beside the model, in tiles of `tile_nodes`: two layers'
// features, the embeddings, a tile of the graph, and what ranking adds. O(edges).
std::int64_t inference_bytes(const HgtConfig& config, const GraphData& data,
                             std::int64_t tile_nodes);

// The largest tile of at most node_batch_size nodes with which inference takes no more than
// `budget` bytes, halved until it does; nothing where a single node takes more.
std::optional<std::int64_t> fitting_tile(const HgtConfig& config, const GraphData& data,
                                         std::int64_t budget);

// Bytes of the process at its peak, by part. A part is there from the start to the end but for the
// last three: batches and micro_batch alternate with inference.
struct LinkMemory {
  std::int64_t program = 0;  // code and tables, LibTorch's above all
  std::int64_t graph = 0;    // edges, names, and the indices of samplers
  std::int64_t parameters = 0;
  std::int64_t gradients = 0;        // dense ones, and the sum of those of node embeddings
  std::int64_t optimizer = 0;        // Adam's moments
  std::int64_t checkpoint_copy = 0;  // that a thread writes while training goes on
  std::int64_t batches = 0;          // sampled ahead
  std::int64_t micro_batch = 0;      // what a forward pass keeps and a backward pass adds
  std::int64_t inference = 0;        // of all nodes, with what ranking takes

  std::int64_t total() const;
  // By name, in the order above.
  std::vector<std::pair<std::string, std::int64_t>> parts() const;
};
Json to_json(const LinkMemory& memory);  // the parts and "total"

// Of micro-batches of the given size, and inference in tiles of `tile_nodes`.
LinkMemory estimate_memory(const HgtConfig& config, const GraphData& data,
                           const MicroBatchSize& size, std::int64_t tile_nodes);

}  // namespace hgnn_moe::hgt
