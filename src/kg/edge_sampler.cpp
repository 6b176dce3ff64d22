#include "hgnn_moe/kg/edge_sampler.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "block_builder.h"
#include "limited_choice.h"
#include "sampling_key.h"

#include "hgnn_moe/base/sort_unique.h"

namespace hgnn_moe::kg {
namespace {

// The indices among `edges` of those that are excluded, ascending.
std::vector<std::int64_t> find_left_out(const SharedArray<Edge>& edges,
                                        const std::vector<Edge>& excluded) {
  std::vector<std::int64_t> left_out;
  for (const Edge& edge : excluded) {
    const Edge* found = std::lower_bound(edges.begin(), edges.end(), edge);
    if (found != edges.end() && *found == edge) left_out.push_back(found - edges.begin());
  }
  return left_out;
}

std::vector<RelationEdges> edges_into(const std::vector<std::int32_t>& nodes,
                                      std::int32_t node_count,
                                      const std::vector<RelationEdges>& relations) {
  NodeSet tails(node_count);
  for (const std::int32_t node : nodes) tails.add(node);
  std::vector<RelationEdges> result;
  for (const RelationEdges& relation : relations) {
    RelationEdges& kept = result.emplace_back();
    kept.relation = relation.relation;
    std::copy_if(relation.edges.begin(), relation.edges.end(), std::back_inserter(kept.edges),
                 [&](Edge edge) { return tails.has(edge.tail); });
  }
  return result;
}

}  // namespace

EdgeSampler::EdgeSampler(MessageGraph graph, std::int64_t edge_sample_size, std::uint64_t seed)
    : graph_(std::move(graph)), edge_sample_size_(edge_sample_size), seed_(seed) {}

std::vector<RelationEdges> EdgeSampler::draw(std::int64_t step,
                                             const ExcludedEdges& excluded) const {
  LimitedChoice choice;
  std::vector<RelationEdges> relations;
  for (std::int32_t r = 0; r < graph_.relation_count(); ++r) {
    RelationEdges& drawn = relations.emplace_back();
    drawn.relation = r;
    const SharedArray<Edge>& edges = graph_.incoming(r).edges();
    const auto left_out = find_left_out(edges, excluded.of(r));
    const std::uint64_t key = sampling_key(seed_, step, kWholeSubgraph, r);
    const auto size = static_cast<std::int64_t>(edges.size());
    for (const std::int64_t i : choice.choose(size, left_out, edge_sample_size_, key, 0)) {
      drawn.edges.push_back(edges[i]);
    }
  }
  return relations;
}

std::vector<Block> EdgeSampler::sample(const std::vector<std::int32_t>& nodes, std::int64_t layers,
                                       std::int64_t step, const ExcludedEdges& excluded) const {
  const std::vector<RelationEdges> drawn = draw(step, excluded);
  std::vector<std::int32_t> destinations = nodes;
  sort_unique(destinations);
  std::vector<Block> blocks(static_cast<std::size_t>(layers));
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    *block = make_block(graph_.node_count(), destinations,
                        edges_into(destinations, graph_.node_count(), drawn));
    destinations = block->sources;
  }
  return blocks;
}

}  // namespace hgnn_moe::kg
