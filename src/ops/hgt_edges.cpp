#include "hgnn_moe/ops/hgt_edges.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

using Rows = std::vector<std::int32_t>;

struct Pair {
  std::int32_t own, other;
};

bool operator<(const Pair& a, const Pair& b) {
  return a.own != b.own ? a.own < b.own : a.other < b.other;
}

Rows distinct(Rows rows) {
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

// The position of every row in the list of those that occur.
std::vector<std::int32_t> positions_of(const Rows& rows, std::int64_t count) {
  std::vector<std::int32_t> positions(static_cast<std::size_t>(count), -1);
  for (std::size_t p = 0; p < rows.size(); ++p) positions[rows[p]] = static_cast<std::int32_t>(p);
  return positions;
}

// Appends the three lists of the side that owns the pairs, which are positions on either side.
void append_side(const Rows& rows, std::vector<Pair> pairs, Rows& lists) {
  if (!std::is_sorted(pairs.begin(), pairs.end())) std::sort(pairs.begin(), pairs.end());
  lists.insert(lists.end(), rows.begin(), rows.end());
  std::size_t edge = 0;
  for (std::size_t p = 0; p <= rows.size(); ++p) {
    while (edge < pairs.size() && pairs[edge].own < static_cast<std::int32_t>(p)) ++edge;
    lists.push_back(static_cast<std::int32_t>(edge));
  }
  for (const Pair& pair : pairs) lists.push_back(pair.other);
}

void check(const RelationEdges& edges, std::int64_t num_sources, std::int64_t num_destinations) {
  HGNN_MOE_ASSERT(edges.sources.size() == edges.destinations.size(),
                  "relation {} has {} sources and {} destinations", edges.relation,
                  edges.sources.size(), edges.destinations.size());
  HGNN_MOE_ASSERT(edges.relation >= 0, "relation {}", edges.relation);
  for (std::size_t e = 0; e < edges.sources.size(); ++e) {
    HGNN_MOE_ASSERT(edges.sources[e] >= 0 && edges.sources[e] < num_sources &&
                        edges.destinations[e] >= 0 && edges.destinations[e] < num_destinations,
                    "edge {} of relation {} goes from row {} of {} to row {} of {}", e,
                    edges.relation, edges.sources[e], num_sources, edges.destinations[e],
                    num_destinations);
  }
}

HgtRelation append_relation(const RelationEdges& edges, std::int64_t num_sources,
                            std::int64_t num_destinations, Rows& lists) {
  const Rows source_rows = distinct(edges.sources);
  const Rows destination_rows = distinct(edges.destinations);
  const Rows source_positions = positions_of(source_rows, num_sources);
  const Rows destination_positions = positions_of(destination_rows, num_destinations);
  HgtRelation relation;
  relation.relation = edges.relation;
  relation.num_sources = static_cast<std::int64_t>(source_rows.size());
  relation.num_destinations = static_cast<std::int64_t>(destination_rows.size());
  relation.num_edges = static_cast<std::int64_t>(edges.sources.size());
  relation.first = static_cast<std::int64_t>(lists.size());
  std::vector<Pair> pairs(edges.sources.size());
  for (std::size_t e = 0; e < pairs.size(); ++e) {
    pairs[e] = {destination_positions[edges.destinations[e]], source_positions[edges.sources[e]]};
  }
  append_side(destination_rows, pairs, lists);
  for (Pair& pair : pairs) std::swap(pair.own, pair.other);
  append_side(source_rows, std::move(pairs), lists);
  return relation;
}

HgtEdgeList list_at(const at::Tensor& lists, std::int64_t first, std::int64_t count) {
  const auto* const begin = lists.const_data_ptr<std::int32_t>() + first;
  return {begin, begin + count, begin + 2 * count + 1, count};
}

}  // namespace

std::int64_t HgtEdges::num_edges() const {
  return std::accumulate(relations.begin(), relations.end(), std::int64_t{0},
                         [](std::int64_t sum, const HgtRelation& r) { return sum + r.num_edges; });
}

HgtEdges HgtEdges::to(c10::Device device) const {
  HgtEdges result = *this;
  result.lists = lists.to(device);
  return result;
}

HgtEdgeList destinations_of(const HgtEdges& edges, const HgtRelation& relation) {
  return list_at(edges.lists, relation.first, relation.num_destinations);
}

HgtEdgeList sources_of(const HgtEdges& edges, const HgtRelation& relation) {
  const std::int64_t before = 2 * relation.num_destinations + 1 + relation.num_edges;
  return list_at(edges.lists, relation.first + before, relation.num_sources);
}

HgtEdges make_hgt_edges(std::int64_t num_sources, std::int64_t num_destinations,
                        const std::vector<RelationEdges>& relations) {
  HgtEdges edges;
  edges.num_sources = num_sources;
  edges.num_destinations = num_destinations;
  Rows lists;
  std::size_t total = 0;
  for (const RelationEdges& relation : relations) {
    check(relation, num_sources, num_destinations);
    total += relation.sources.size();
    HGNN_MOE_ASSERT(total <= std::numeric_limits<std::int32_t>::max(), "{} edges in a block",
                    total);
    if (relation.sources.empty()) continue;
    HGNN_MOE_ASSERT(edges.relations.empty() || edges.relations.back().relation < relation.relation,
                    "relation {} behind relation {}", relation.relation,
                    edges.relations.back().relation);
    edges.relations.push_back(append_relation(relation, num_sources, num_destinations, lists));
  }
  edges.lists = at::empty({static_cast<std::int64_t>(lists.size())}, at::kInt);
  std::copy(lists.begin(), lists.end(), edges.lists.mutable_data_ptr<std::int32_t>());
  return edges;
}

}  // namespace hgnn_moe::ops
