// A block of a graph as the layers of the model read it.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/hgt/schema.h"
#include "hgnn_moe/kg/block.h"
#include "hgnn_moe/ops/hgt_edges.h"

namespace hgnn_moe::hgt {

// The nodes of one type in a block. Positions, int64, count the nodes of the type alone.
struct TypeNodes {
  std::int64_t num_sources = 0;
  std::int64_t num_destinations = 0;
  at::Tensor heads;              // positions among the sources of those with an edge from them
  at::Tensor tails;              // the same of destinations with an edge to them
  at::Tensor tail_destinations;  // these, as positions among the destinations
  at::Tensor destinations;       // positions among the sources of all destinations
  at::Tensor destination_nodes;  // their numbers in the graph
};

struct BlockTensors {
  std::vector<TypeNodes> types;  // of the schema
  // Between heads and tails of all types, one behind the other: other nodes are not projected.
  ops::HgtEdges edges;

  std::int64_t num_destinations() const;
};

// Integer work on the CPU that is done once a block, and one copy to the device.
BlockTensors make_block_tensors(const kg::Block& block, const Schema& schema, at::Device device);

}  // namespace hgnn_moe::hgt
