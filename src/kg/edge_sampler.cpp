#include "hgnn_moe/kg/edge_sampler.h"

#include <algorithm>
#include <utility>

#include "block_builder.h"
#include "limited_choice.h"
#include "sampling_key.h"

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

}  // namespace

EdgeSampler::EdgeSampler(MessageGraph graph, std::int64_t edge_sample_size, std::uint64_t seed)
    : graph_(std::move(graph)), edge_sample_size_(edge_sample_size), seed_(seed) {}

Block EdgeSampler::sample(const std::vector<std::int32_t>& nodes, std::int64_t step,
                          const ExcludedEdges& excluded) const {
  NodeSet ends(graph_.node_count());
  for (const std::int32_t node : nodes) ends.add(node);
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
      ends.add(edges[i].head);
      ends.add(edges[i].tail);
      drawn.edges.push_back(edges[i]);
    }
  }
  return make_block(graph_.node_count(), ends.ascending(), relations);
}

}  // namespace hgnn_moe::kg
