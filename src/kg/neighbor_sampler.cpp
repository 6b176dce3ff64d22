#include "hgnn_moe/kg/neighbor_sampler.h"

#include <algorithm>
#include <utility>

#include "block_builder.h"
#include "limited_choice.h"
#include "sampling_key.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/sort_unique.h"

namespace hgnn_moe::kg {
namespace {

// The indices among `neighbors` of those that are excluded, ascending.
void find_left_out(const Neighbors& neighbors, const Neighbors& excluded,
                   std::vector<std::int64_t>& left_out) {
  left_out.clear();
  for (std::int64_t i = 0; i < excluded.size(); ++i) {
    const std::int64_t index = neighbors.find(excluded[i]);
    if (index != Neighbors::kNowhere) left_out.push_back(index);
  }
}

// The nodes of a type among `nodes`, which ascend.
auto nodes_of_type(const std::vector<std::int32_t>& nodes, const NodeType& type) {
  const auto first = std::lower_bound(nodes.begin(), nodes.end(), type.first);
  return std::pair(first, std::lower_bound(first, nodes.end(), type.first + type.count));
}

}  // namespace

NeighborSampler::NeighborSampler(MessageGraph graph, std::vector<std::int64_t> num_neighbors,
                                 std::uint64_t seed)
    : graph_(std::move(graph)), num_neighbors_(std::move(num_neighbors)), seed_(seed) {
  HGNN_MOE_ASSERT(!num_neighbors_.empty() && num_neighbors_.size() < kWholeSubgraph, "{} hops",
                  num_neighbors_.size());
}

Block NeighborSampler::sample_hop(const std::vector<std::int32_t>& nodes, std::size_t hop,
                                  std::int64_t step, const ExcludedEdges& excluded) const {
  LimitedChoice choice;
  std::vector<std::int64_t> left_out;
  std::vector<RelationEdges> relations;
  for (std::int32_t r = 0; r < graph_.relation_count(); ++r) {
    RelationEdges& drawn = relations.emplace_back();
    drawn.relation = r;
    const std::uint64_t key = sampling_key(seed_, step, hop, r);
    const auto [first, last] = nodes_of_type(nodes, graph_.tails(r));
    for (auto tail = first; tail != last; ++tail) {
      const Neighbors heads = graph_.incoming(r).heads_of(*tail);
      find_left_out(heads, excluded.heads_of(r, *tail), left_out);
      const auto index = static_cast<std::uint64_t>(*tail) << 32;
      for (const std::int64_t i :
           choice.choose(heads.size(), left_out, num_neighbors_[hop], key, index)) {
        drawn.edges.push_back({heads[i], *tail});
      }
    }
  }
  return make_block(graph_.node_count(), nodes, relations);
}

std::vector<Block> NeighborSampler::sample(const std::vector<std::int32_t>& seeds,
                                           std::int64_t step, const ExcludedEdges& excluded) const {
  std::vector<std::int32_t> nodes = seeds;
  sort_unique(nodes);
  std::vector<Block> blocks(num_neighbors_.size());
  for (std::size_t hop = 0; hop < blocks.size(); ++hop) {
    Block& block = blocks[blocks.size() - 1 - hop];
    block = sample_hop(nodes, hop, step, excluded);
    nodes = block.sources;
  }
  return blocks;
}

std::vector<std::int32_t> destination_nodes(const Block& block) {
  std::vector<std::int32_t> nodes;
  nodes.reserve(block.destinations.size());
  for (const std::int32_t position : block.destinations) nodes.push_back(block.sources[position]);
  return nodes;
}

std::vector<std::int32_t> destination_rows(const Block& block,
                                           const std::vector<std::int32_t>& nodes) {
  const std::vector<std::int32_t> destinations = destination_nodes(block);
  std::vector<std::int32_t> rows;
  rows.reserve(nodes.size());
  for (const std::int32_t node : nodes) {
    const auto found = std::lower_bound(destinations.begin(), destinations.end(), node);
    HGNN_MOE_ASSERT(found != destinations.end() && *found == node, "node {} is no destination",
                    node);
    rows.push_back(static_cast<std::int32_t>(found - destinations.begin()));
  }
  return rows;
}

}  // namespace hgnn_moe::kg
