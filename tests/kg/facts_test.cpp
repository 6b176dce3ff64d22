#include "hgnn_moe/kg/facts.h"

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

namespace hgnn_moe::kg {
namespace {

using testing::add_fact;
using testing::random_graph;
using testing::triples_in;
using testing::TripleSet;

TEST(FactsTest, AreAllEdgesOnceAndTogetherWithTheirReversesTheGraph) {
  for (const unsigned seed : {1u, 2u, 3u}) {
    const Graph graph = random_graph(seed);
    const Facts facts(graph);
    TripleSet all, once;
    for (std::int64_t i = 0; i < facts.size(); ++i) {
      const Triple fact = facts[i];
      EXPECT_TRUE(is_primary(graph, fact.relation, edge_of(fact)));
      EXPECT_TRUE(once.emplace(fact.relation, fact.head, fact.tail).second) << "twice";
      const std::int32_t reverse = graph.relations[fact.relation].reverse;
      if (reverse != fact.relation || fact.head != fact.tail) {
        EXPECT_EQ(once.count({reverse, fact.tail, fact.head}), 0u) << "both directions";
      }
      add_fact(graph, fact, all);
    }
    EXPECT_EQ(all, triples_in(graph));
  }
}

TEST(FactsTest, SharesTheEdgesOfRelationsThatAreNotSymmetric) {
  const Graph graph = random_graph(1);
  const Facts facts(graph);
  const Triple first = facts[0];
  EXPECT_EQ(edge_of(first), graph.relations[0].edges[0]);
  EXPECT_FALSE(facts.is_symmetric(0));
  EXPECT_TRUE(facts.is_symmetric(3));
}

// A relation may be named by its reverse, and by both.
TEST(FactsTest, OfSomeRelationsAreThoseOfAllUnderThem) {
  const Graph graph = random_graph(1);
  const auto listed = [](const Facts& facts) {
    std::vector<Triple> triples;
    for (std::int64_t i = 0; i < facts.size(); ++i) triples.push_back(facts[i]);
    return triples;
  };
  const std::int32_t reverse = graph.relations[1].reverse;
  ASSERT_GT(reverse, 3);
  ASSERT_EQ(graph.relations[3].reverse, 3);
  std::vector<Triple> expected;
  for (const Triple& fact : listed(Facts(graph))) {
    if (fact.relation == 1 || fact.relation == 3) expected.push_back(fact);
  }
  ASSERT_FALSE(expected.empty());
  for (const auto& relations :
       std::vector<std::vector<std::int32_t>>{{1, 3}, {reverse, 3}, {3, reverse, 1}}) {
    EXPECT_EQ(listed(Facts(graph, relations)), expected);
  }
  EXPECT_EQ(Facts(graph, {}).size(), 0);
  EXPECT_TRUE(Facts(graph, {1}).is_symmetric(3)) << "that of the graph";
}

TEST(FactsTest, WithoutReversesEveryEdgeIsOne) {
  const Graph graph =
      testing::make_graph({{"a", 2}}, {{0, "r", 0, Direction::unknown, {{0, 1}, {1, 0}, {1, 1}}}});
  EXPECT_EQ(Facts(graph).size(), 3);
  EXPECT_EQ(Facts(with_reverses(graph).graph).size(), 2) << "symmetric: 0-1 and 1-1";
}

}  // namespace
}  // namespace hgnn_moe::kg
