#include "hgnn_moe/kg/triple_index.h"

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

#include "hgnn_moe/kg/split.h"

namespace hgnn_moe::kg {
namespace {

using testing::add_fact;
using testing::make_graph;
using testing::random_graph;
using testing::triples_in;
using testing::TripleSet;

std::vector<std::int32_t> list_of(const Neighbors& neighbors) {
  std::vector<std::int32_t> nodes;
  for (std::int64_t i = 0; i < neighbors.size(); ++i) nodes.push_back(neighbors[i]);
  return nodes;
}

// Every question that can be asked of the index against a set.
void expect_same(const Graph& graph, const TripleIndex& index, const TripleSet& truth) {
  for (std::size_t i = 0; i < graph.relations.size(); ++i) {
    const auto r = static_cast<std::int32_t>(i);
    for (std::int32_t a = 0; a < graph.node_count(); ++a) {
      std::vector<std::int32_t> tails, heads;
      for (std::int32_t b = 0; b < graph.node_count(); ++b) {
        const bool is_true = truth.count({r, a, b}) > 0;
        ASSERT_EQ(index.contains({a, r, b}), is_true) << a << " " << r << " " << b;
        if (is_true) tails.push_back(b);
        if (truth.count({r, b, a}) > 0) heads.push_back(b);
      }
      ASSERT_EQ(list_of(index.known_tails(a, r)), tails);
      ASSERT_EQ(list_of(index.known_heads(r, a)), heads);
      ASSERT_EQ(list_of(index.known_at(Side::tail, {a, r, kNoNode})), tails);
      ASSERT_EQ(list_of(index.known_at(Side::head, {kNoNode, r, a})), heads);
    }
  }
}

TEST(TripleIndexTest, HoldsTheGraphAndWhatWasHeldOut) {
  for (const unsigned seed : {1u, 2u}) {
    const Graph graph = random_graph(seed);
    expect_same(graph, TripleIndex(graph), triples_in(graph));
    const Split split = split_pairs(graph, {0.2, 0.3}, seed);
    expect_same(graph, TripleIndex(split.train), triples_in(split.train));
    expect_same(graph, TripleIndex(split.train, held_out_facts(split)), triples_in(graph));
  }
}

TEST(TripleIndexTest, KnowsAFactThroughItsReverse) {
  const Graph graph =
      with_reverses(make_graph({{"a", 3}}, {{0, "r", 0, Direction::directed, {{0, 1}}},
                                            {0, "s", 0, Direction::undirected, {{1, 2}}}}))
          .graph;
  TripleSet truth = triples_in(graph);
  // Held out: one of a symmetric relation, one as the reverse's edge, and one twice.
  const std::vector<Triple> held_out = {{0, 1, 2}, {2, 2, 0}, {2, 2, 0}, {1, 0, 1}};
  for (const Triple& fact : held_out) add_fact(graph, fact, truth);
  const TripleIndex index(graph, held_out);
  expect_same(graph, index, truth);
  EXPECT_TRUE(index.contains({2, 1, 0}));
  EXPECT_TRUE(index.contains({0, 0, 2})) << "(2, r_reverse, 0) the other way";
}

TEST(TripleIndexTest, WorksWithoutReverses) {
  Graph graph = random_graph(3);
  graph.relations.resize(7);
  for (Relation& relation : graph.relations) relation.reverse = kNoReverse;
  TripleSet truth = triples_in(graph);
  truth.emplace(4, 25, 26);
  expect_same(graph, TripleIndex(graph, {{25, 4, 26}}), truth);
}

TEST(TripleIndexTest, SharesTheEdgesOfRelationsWithoutHeldOutFacts) {
  const Graph graph = random_graph(3);
  const IncomingEdges incoming(graph.relations[0].edges, graph.node_types[testing::kDisease]);
  EXPECT_EQ(incoming.edges().data(), graph.relations[0].edges.data());
  const Neighbors heads = incoming.heads_of(graph.relations[0].edges[0].tail);
  EXPECT_EQ(heads.find(graph.relations[0].edges[0].head), 0);
  EXPECT_EQ(heads.find(kNoNode), Neighbors::kNowhere);
  EXPECT_EQ(incoming.heads_of(0).size(), 0) << "a drug is no tail";
  EXPECT_EQ(incoming.heads_of(graph.node_count() + 5).size(), 0);
}

}  // namespace
}  // namespace hgnn_moe::kg
