#include "hgnn_moe/kg/shuffled_edges.h"

#include <array>
#include <map>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

namespace hgnn_moe::kg {
namespace {

using testing::make_graph;
using testing::random_graph;
using testing::triples_in;
using testing::TripleSet;

// Of each relation and node: how often it is a head, how often a tail, and its self-loops.
using Degrees = std::map<std::pair<std::size_t, std::int32_t>, std::array<int, 3>>;

Degrees degrees_of(const Graph& graph) {
  Degrees degrees;
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    for (const Edge& edge : graph.relations[r].edges) {
      ++degrees[{r, edge.head}][0];
      ++degrees[{r, edge.tail}][1];
      degrees[{r, edge.head}][2] += edge.head == edge.tail;
    }
  }
  return degrees;
}

TEST(ShuffledEdgesTest, KeepDegreesAndNothingElse) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    const Graph graph = random_graph(seed, 20);
    const Graph shuffled = shuffled_edges(graph, seed);
    EXPECT_EQ(find_fault(shuffled), "") << "reverses mirror";
    EXPECT_EQ(degrees_of(shuffled), degrees_of(graph));
    const TripleSet before = triples_in(graph);
    const TripleSet after = triples_in(shuffled);
    std::size_t same = 0;
    for (const auto& triple : after) same += before.count(triple);
    EXPECT_LT(same, before.size() / 5) << "chance alone makes few of the edges again";
  }
}

TEST(ShuffledEdgesTest, DependOnTheSeed) {
  const Graph graph = random_graph(1, 5);
  EXPECT_EQ(triples_in(shuffled_edges(graph, 1)), triples_in(shuffled_edges(graph, 1)));
  EXPECT_NE(triples_in(shuffled_edges(graph, 1)), triples_in(shuffled_edges(graph, 2)));
}

// Four nodes can be paired in three ways, of which two keep the heads that the edges began with.
TEST(ShuffledEdgesTest, EdgesWithoutDirectionTurn) {
  const Graph pairs =
      with_reverses(make_graph({{"a", 4}}, {{0, "r", 0, Direction::undirected, {{0, 1}, {2, 3}}}}))
          .graph;
  std::map<TripleSet, int> counts;
  for (std::uint64_t seed = 0; seed < 300; ++seed)
    ++counts[triples_in(shuffled_edges(pairs, seed))];
  EXPECT_EQ(counts.size(), 3u);
  EXPECT_LT(testing::chi_square(counts), testing::chi_square_bound(3));
}

TEST(ShuffledEdgesTest, WhatCannotSwitchStays) {
  // Every drug with every gene, and a relation of one edge.
  const Graph full =
      make_graph({{"drug", 2}, {"gene", 2}}, {{0, "r", 1, {}, {{0, 2}, {0, 3}, {1, 2}, {1, 3}}},
                                              {0, "s", 1, {}, {{0, 2}}},
                                              {0, "none", 1, {}, {}}});
  EXPECT_EQ(triples_in(shuffled_edges(full, 1)), triples_in(full));
}

}  // namespace
}  // namespace hgnn_moe::kg
