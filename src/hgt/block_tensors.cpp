#include "hgnn_moe/hgt/block_tensors.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "marked_ends.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {

namespace {

using Positions = std::vector<std::int64_t>;

// For each type the first of the ascending nodes that belongs to it, and their number behind.
Positions type_offsets(const std::vector<std::int32_t>& nodes, const Schema& schema) {
  Positions offsets;
  for (const kg::NodeType& type : schema.node_types) {
    offsets.push_back(std::lower_bound(nodes.begin(), nodes.end(), type.first) - nodes.begin());
  }
  offsets.push_back(static_cast<std::int64_t>(nodes.size()));
  return offsets;
}

// The number of marked nodes before each.
std::vector<std::int32_t> ranks(const std::vector<bool>& marks) {
  std::vector<std::int32_t> result;
  std::int32_t count = 0;
  for (const bool mark : marks) {
    result.push_back(count);
    count += mark ? 1 : 0;
  }
  return result;
}

std::vector<std::int32_t> ranks_of(const std::vector<std::int32_t>& positions,
                                   const std::vector<std::int32_t>& rank) {
  std::vector<std::int32_t> result(positions.size());
  for (std::size_t e = 0; e < positions.size(); ++e) result[e] = rank[positions[e]];
  return result;
}

void check(const kg::Block& block, const Schema& schema) {
  const auto& sources = block.sources;
  HGNN_MOE_ASSERT(sources.empty() || (sources.front() >= 0 && sources.back() < schema.num_nodes()),
                  "a block of nodes that the graph of {} lacks", schema.num_nodes());
  HGNN_MOE_ASSERT(std::is_sorted(sources.begin(), sources.end()) &&
                      std::is_sorted(block.destinations.begin(), block.destinations.end()),
                  "a block of {} nodes that do not ascend", sources.size());
  HGNN_MOE_ASSERT(block.destinations.empty() ||
                      (block.destinations.front() >= 0 &&
                       block.destinations.back() < static_cast<std::int32_t>(sources.size())),
                  "destinations past {} sources", sources.size());
}

}  // namespace

std::int64_t BlockTensors::num_destinations() const {
  std::int64_t count = 0;
  for (const TypeNodes& type : types) count += type.num_destinations;
  return count;
}

BlockTensors make_block_tensors(const kg::Block& block, const Schema& schema, at::Device device) {
  check(block, schema);
  std::vector<std::int32_t> destination_nodes;
  for (const std::int32_t source : block.destinations) {
    destination_nodes.push_back(block.sources[source]);
  }
  const Positions source_offsets = type_offsets(block.sources, schema);
  const Positions destination_offsets = type_offsets(destination_nodes, schema);
  const auto num_sources = static_cast<std::int64_t>(block.sources.size());
  const auto num_destinations = static_cast<std::int64_t>(block.destinations.size());
  const std::vector<bool> is_head =
      marked_ends(num_sources, block.relations, &kg::BlockEdges::heads);
  const std::vector<bool> is_tail =
      marked_ends(num_destinations, block.relations, &kg::BlockEdges::tails);

  const auto to_tensor = [&](const Positions& values) {
    return at::tensor(values, at::kLong).to(device);
  };
  BlockTensors result;
  for (std::size_t t = 0; t < schema.node_types.size(); ++t) {
    const std::int64_t first_source = source_offsets[t], first_destination = destination_offsets[t];
    Positions heads, tails, tail_destinations, destinations, nodes;
    for (std::int64_t s = first_source; s < source_offsets[t + 1]; ++s) {
      if (is_head[static_cast<std::size_t>(s)]) heads.push_back(s - first_source);
    }
    for (std::int64_t d = first_destination; d < destination_offsets[t + 1]; ++d) {
      const std::int64_t source = block.destinations[static_cast<std::size_t>(d)] - first_source;
      destinations.push_back(source);
      nodes.push_back(destination_nodes[static_cast<std::size_t>(d)]);
      if (!is_tail[static_cast<std::size_t>(d)]) continue;
      tails.push_back(source);
      tail_destinations.push_back(d - first_destination);
    }
    result.types.push_back({source_offsets[t + 1] - first_source,
                            destination_offsets[t + 1] - first_destination, to_tensor(heads),
                            to_tensor(tails), to_tensor(tail_destinations), to_tensor(destinations),
                            to_tensor(nodes)});
  }

  const std::vector<std::int32_t> head_rank = ranks(is_head), tail_rank = ranks(is_tail);
  std::vector<ops::RelationEdges> relations;
  for (const kg::BlockEdges& edges : block.relations) {
    HGNN_MOE_ASSERT(edges.relation < schema.num_relations(), "relation {} of {}", edges.relation,
                    schema.num_relations());
    relations.push_back(
        {edges.relation, ranks_of(edges.heads, head_rank), ranks_of(edges.tails, tail_rank)});
  }
  result.edges = ops::make_hgt_edges(std::count(is_head.begin(), is_head.end(), true),
                                     std::count(is_tail.begin(), is_tail.end(), true), relations)
                     .to(device);
  return result;
}

}  // namespace hgnn_moe::hgt
