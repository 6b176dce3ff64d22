#include "hgnn_moe/kg/degree_matched.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

#include "hgnn_moe/kg/binary_figures.h"
#include "hgnn_moe/kg/relation_degrees.h"
#include "hgnn_moe/kg/split.h"

namespace hgnn_moe::kg {
namespace {

using testing::make_graph;
using testing::random_graph;
using testing::undirected;

std::vector<Edge> edges_of_relation(const std::vector<Triple>& facts, std::int32_t relation) {
  std::vector<Edge> edges;
  for (const Triple& fact : facts) {
    if (fact.relation == relation) edges.push_back(edge_of(fact));
  }
  return edges;
}

// What holds whatever the graph.
void expect_matched(const Graph& graph, std::int32_t relation, const std::vector<Edge>& positives,
                    const TripleIndex& known, const MatchedNegatives& matched) {
  ASSERT_EQ(matched.pairs.size(), positives.size());
  const bool is_symmetric = graph.relations[relation].reverse == relation;
  std::set<std::pair<std::int32_t, std::int32_t>> seen;
  std::int64_t found = 0;
  for (std::size_t i = 0; i < positives.size(); ++i) {
    const Edge pair = matched.pairs[i];
    EXPECT_EQ(pair.head, positives[i].head);
    if (pair.tail == kNoNode) continue;
    ++found;
    EXPECT_FALSE(known.contains({pair.head, relation, pair.tail}));
    EXPECT_NE(pair.head, pair.tail);
    const NodeType& tails = graph.node_types[graph.relations[relation].tail_type];
    EXPECT_TRUE(tails.contains(pair.tail));
    const auto code = is_symmetric ? undirected(pair) : std::pair(pair.head, pair.tail);
    EXPECT_TRUE(seen.insert(code).second) << "twice";
  }
  EXPECT_EQ(found, matched.switched + matched.replaced);
  EXPECT_EQ(matched.without, static_cast<std::int64_t>(positives.size()) - found);
}

TEST(DegreeMatchedTest, AreNoFactsAndDifferFromEachOther) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    const Graph graph = random_graph(seed, 4);
    const Split split = split_pairs(graph, {0.0, 0.4}, seed);
    const TripleIndex known(split.train, split.test);
    for (const std::int32_t relation : {0, 3, 4, 5}) {
      const std::vector<Edge> positives = edges_of_relation(split.test, relation);
      const auto matched = degree_matched_negatives(split.train, relation, positives, known, seed);
      expect_matched(graph, relation, positives, known, matched);
      EXPECT_EQ(matched.without, 0);
      EXPECT_GT(matched.switched, matched.replaced);
      EXPECT_EQ(degree_matched_negatives(split.train, relation, positives, known, seed).pairs,
                matched.pairs);
      EXPECT_NE(degree_matched_negatives(split.train, relation, positives, known, seed + 1).pairs,
                matched.pairs);
    }
  }
}

TEST(DegreeMatchedTest, DegreesTellNothing) {
  const Graph graph = random_graph(3, 40);
  const Split split = split_pairs(graph, {0.0, 0.3}, 1);
  const TripleIndex known(split.train, split.test);
  const std::int32_t targets = 5;
  const std::vector<Edge> positives = edges_of_relation(split.test, targets);
  const RelationDegrees degrees(split.train, targets);
  const auto auroc = [&](const std::vector<Edge>& negatives) {
    std::vector<ScoredPair> pairs;
    for (const Edge& pair : positives) pairs.push_back({degrees.log_product(pair), true});
    for (const Edge& pair : negatives) pairs.push_back({degrees.log_product(pair), false});
    return binary_figures(pairs).auroc;
  };
  const auto matched = degree_matched_negatives(split.train, targets, positives, known, 1);
  EXPECT_EQ(matched.switched, static_cast<std::int64_t>(positives.size()));
  EXPECT_NEAR(auroc(matched.pairs), 0.5, 0.01);

  // Every node as often as among the positives.
  std::map<std::int32_t, int> ends;
  for (const Edge& pair : positives) ++ends[pair.tail];
  for (const Edge& pair : matched.pairs) --ends[pair.tail];
  for (const auto& [node, difference] : ends) EXPECT_EQ(difference, 0) << node;

  // Nearly all tails were exchanged for one of the same degree.
  int same = 0;
  for (std::size_t i = 0; i < positives.size(); ++i) {
    same += degrees.of_tail(matched.pairs[i].tail) == degrees.of_tail(positives[i].tail);
  }
  EXPECT_GT(same, 0.9 * static_cast<double>(positives.size()));

  // Pairs of any two nodes are told apart by their degrees.
  std::mt19937 random(1);
  std::vector<Edge> evenly;
  const NodeType& drugs = graph.node_types[testing::kDrug];
  const NodeType& genes = graph.node_types[testing::kGene];
  for (std::size_t i = 0; i < positives.size(); ++i) {
    evenly.push_back({drugs.first + static_cast<std::int32_t>(random() % drugs.count),
                      genes.first + static_cast<std::int32_t>(random() % genes.count)});
  }
  EXPECT_GT(auroc(evenly), 0.6);
}

TEST(DegreeMatchedTest, WhatCannotSwitchGetsTheNearestDegree) {
  // In training 1-4 alone is known, so of the tails 2 to 6 only 4 has a degree.
  const Graph train =
      make_graph({{"a", 2}, {"b", 5}}, {{0, "r", 1, Direction::directed, {{1, 4}}}});
  const TripleIndex known(train, {{0, 0, 2}, {0, 0, 3}});
  std::set<std::int32_t> tails;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto matched = degree_matched_negatives(train, 0, {{0, 2}}, known, seed);
    EXPECT_EQ(matched.replaced, 1);
    tails.insert(matched.pairs.at(0).tail);
  }
  EXPECT_EQ(tails, (std::set<std::int32_t>{5, 6})) << "without a degree, as 2";

  const TripleIndex all(train, {{0, 0, 2}, {0, 0, 3}, {0, 0, 4}, {0, 0, 5}, {0, 0, 6}});
  const auto none = degree_matched_negatives(train, 0, {{0, 2}, {0, 3}}, all, 1);
  EXPECT_EQ(none.without, 2);
  EXPECT_EQ(none.pairs, (std::vector<Edge>{{0, kNoNode}, {0, kNoNode}}));
  EXPECT_TRUE(degree_matched_negatives(train, 0, {}, known, 1).pairs.empty());
}

TEST(DegreeMatchedTest, TwoPositivesSwitch) {
  const Graph graph = make_graph({{"a", 2}, {"b", 2}}, {{0, "r", 1, Direction::directed, {}}});
  const std::vector<Edge> positives = {{0, 2}, {1, 3}};
  const TripleIndex known(graph, {{0, 0, 2}, {1, 0, 3}});
  const auto matched = degree_matched_negatives(graph, 0, positives, known, 1);
  EXPECT_EQ(matched.pairs, (std::vector<Edge>{{0, 3}, {1, 2}}));
  EXPECT_EQ(matched.switched, 2);
}

TEST(RelationDegreesTest, CountsAndScores) {
  const Graph graph = make_graph(
      {{"a", 3}, {"b", 2}},
      {{0, "r", 1, Direction::directed, {{0, 3}, {0, 4}, {1, 3}}}, {0, "s", 0, {}, {{0, 1}}}});
  const RelationDegrees degrees(graph, 0);
  EXPECT_EQ(degrees.of_head(0), 2);
  EXPECT_EQ(degrees.of_head(2), 0);
  EXPECT_EQ(degrees.of_tail(3), 2);
  EXPECT_EQ(degrees.of_tail(4), 1);
  EXPECT_DOUBLE_EQ(degrees.log_product({0, 4}), std::log(3.0 * 2.0));
  EXPECT_DOUBLE_EQ(degrees.log_product({2, 3}), std::log(3.0));
  // u = 2, v = 2, m = 3: 4 / sqrt(16 + 0).
  EXPECT_DOUBLE_EQ(degrees.edge_prior({0, 3}), 1.0);
  // u = 1, v = 1, m = 3: 1 / sqrt(1 + 4).
  EXPECT_DOUBLE_EQ(degrees.edge_prior({1, 4}), 1 / std::sqrt(5.0));
  EXPECT_DOUBLE_EQ(degrees.edge_prior({2, 3}), 0.0);
  EXPECT_DOUBLE_EQ(RelationDegrees(graph, 1).edge_prior({2, 2}), 0.0);
}

}  // namespace
}  // namespace hgnn_moe::kg
