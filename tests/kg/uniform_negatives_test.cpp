#include "hgnn_moe/kg/uniform_negatives.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

namespace hgnn_moe::kg {
namespace {

using testing::make_graph;
using testing::random_graph;
using testing::undirected;

TEST(UniformNegatives, AreNoFactsAndDifferFromEachOther) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    const Graph graph = random_graph(seed, 3);
    const TripleIndex known(graph);
    for (std::int32_t r = 0; r < static_cast<std::int32_t>(graph.relations.size()); ++r) {
      const Relation& relation = graph.relations[r];
      const std::vector<Edge> positives(relation.edges.begin(), relation.edges.end());
      const std::vector<Edge> negatives = uniform_negatives(graph, r, positives, known, seed);
      ASSERT_EQ(negatives.size(), positives.size());
      std::set<std::pair<std::int32_t, std::int32_t>> seen;
      for (std::size_t i = 0; i < negatives.size(); ++i) {
        const Edge pair = negatives[i];
        EXPECT_EQ(pair.head, positives[i].head);
        if (pair.tail == kNoNode) continue;
        EXPECT_FALSE(known.contains({pair.head, r, pair.tail}));
        EXPECT_NE(pair.head, pair.tail);
        EXPECT_TRUE(graph.node_types[relation.tail_type].contains(pair.tail));
        const bool is_symmetric = relation.reverse == r;
        EXPECT_TRUE(
            seen.insert(is_symmetric ? undirected(pair) : std::pair(pair.head, pair.tail)).second);
      }
      EXPECT_EQ(uniform_negatives(graph, r, positives, known, seed), negatives);
    }
  }
}

TEST(UniformNegatives, EveryTailIsEquallyLikely) {
  // Tails 1 to 40, of which 1 to 30 are known: most are found in the list of what is left.
  const Graph graph = make_graph({{"a", 1}, {"b", 40}}, {{0, "r", 1, Direction::directed, {}}});
  std::vector<Triple> facts;
  for (std::int32_t tail = 1; tail <= 30; ++tail) facts.push_back({0, 0, tail});
  const TripleIndex known(graph, facts);
  std::map<std::int32_t, int> counts;
  constexpr int kDraws = 4000;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    ++counts[uniform_negatives(graph, 0, {{0, 1}}, known, seed).at(0).tail];
  }
  ASSERT_EQ(counts.size(), 10u);
  // 400 of each, with a standard deviation of 19.
  for (const auto& [tail, count] : counts) EXPECT_NEAR(count, 400, 95) << tail;
}

TEST(UniformNegatives, WhatIsUsedUpIsMissing) {
  const Graph graph = make_graph({{"a", 1}, {"b", 4}}, {{0, "r", 1, Direction::directed, {}}});
  const TripleIndex known(graph, {{0, 0, 1}});
  const std::vector<Edge> negatives =
      uniform_negatives(graph, 0, {{0, 1}, {0, 1}, {0, 1}, {0, 1}}, known, 1);
  std::set<std::int32_t> tails;
  for (std::size_t i = 0; i < 3; ++i) tails.insert(negatives[i].tail);
  EXPECT_EQ(tails, (std::set<std::int32_t>{2, 3, 4}));
  EXPECT_EQ(negatives[3].tail, kNoNode);
}

}  // namespace
}  // namespace hgnn_moe::kg
