#include "hgnn_moe/ops/hgt_edges.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "hgt_graphs.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::hgt_cases;
using ::hgnn_moe::testing::HgtCase;
using ::hgnn_moe::testing::random_edges;

using Pairs = std::vector<std::pair<std::int32_t, std::int32_t>>;

// (own row, other row) of every edge, in the order of the list.
Pairs pairs_of(const HgtEdgeList& own, const HgtEdgeList& other) {
  Pairs pairs;
  for (std::int64_t p = 0; p < own.count; ++p) {
    for (std::int32_t e = own.offsets[p]; e < own.offsets[p + 1]; ++e) {
      pairs.emplace_back(own.rows[p], other.rows[own.neighbours[e]]);
    }
  }
  return pairs;
}

TEST(HgtEdges, ListEveryEdgeOnceFromEitherEnd) {
  for (const HgtCase& c : hgt_cases()) {
    SCOPED_TRACE(c);
    const std::vector<RelationEdges> relations = random_edges(c, 7);
    const HgtEdges edges = make_hgt_edges(c.sources, c.destinations, relations);
    std::size_t listed = 0;
    for (const RelationEdges& relation : relations) {
      if (relation.sources.empty()) continue;
      ASSERT_LT(listed, edges.relations.size());
      const HgtRelation& of = edges.relations[listed++];
      EXPECT_EQ(of.relation, relation.relation);
      const HgtEdgeList to = destinations_of(edges, of), from = sources_of(edges, of);
      Pairs by_destination, by_source;
      for (std::size_t e = 0; e < relation.sources.size(); ++e) {
        by_destination.emplace_back(relation.destinations[e], relation.sources[e]);
        by_source.emplace_back(relation.sources[e], relation.destinations[e]);
      }
      std::sort(by_destination.begin(), by_destination.end());
      std::sort(by_source.begin(), by_source.end());
      EXPECT_EQ(pairs_of(to, from), by_destination);
      EXPECT_EQ(pairs_of(from, to), by_source);
      // Only nodes with an edge.
      for (const HgtEdgeList& list : {to, from}) {
        for (std::int64_t p = 0; p < list.count; ++p) {
          EXPECT_LT(list.offsets[p], list.offsets[p + 1]);
        }
      }
    }
    EXPECT_EQ(listed, edges.relations.size());
  }
}

TEST(HgtEdges, DoNotDependOnTheOrderOfTheEdges) {
  std::vector<RelationEdges> relations = random_edges(hgt_cases()[5], 7);
  const HgtEdges edges = make_hgt_edges(3, 4, relations);
  for (RelationEdges& relation : relations) {
    std::reverse(relation.sources.begin(), relation.sources.end());
    std::reverse(relation.destinations.begin(), relation.destinations.end());
  }
  EXPECT_TRUE(at::equal(edges.lists, make_hgt_edges(3, 4, relations).lists));
  EXPECT_EQ(edges.num_edges(), 120);
}

TEST(HgtEdges, RefusesRowsThatAreNotThere) {
  EXPECT_THROW(make_hgt_edges(3, 4, {{0, {3}, {0}}}), InternalError);
  EXPECT_THROW(make_hgt_edges(3, 4, {{0, {0}, {4}}}), InternalError);
  EXPECT_THROW(make_hgt_edges(3, 4, {{0, {-1}, {0}}}), InternalError);
  EXPECT_THROW(make_hgt_edges(3, 4, {{0, {0, 1}, {0}}}), InternalError);
  EXPECT_THROW(make_hgt_edges(3, 4, {{1, {0}, {0}}, {1, {1}, {0}}}), InternalError);
  EXPECT_THROW(make_hgt_edges(3, 4, {{-1, {0}, {0}}}), InternalError);
}

}  // namespace
}  // namespace hgnn_moe::ops
