#include "hgnn_moe/kg/negatives.h"

#include <map>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

namespace hgnn_moe::kg {
namespace {

using testing::chi_square;
using testing::chi_square_bound;
using testing::make_graph;
using testing::random_graph;

std::vector<Target> all_targets(const Graph& graph) {
  const Facts facts(graph);
  std::vector<Target> targets;
  for (std::int64_t i = 0; i < facts.size(); ++i) targets.push_back({facts[i], i});
  return targets;
}

Triple replaced(Triple triple, Side side, std::int32_t node) {
  (side == Side::head ? triple.head : triple.tail) = node;
  return triple;
}

TEST(NegativeSamplerTest, AreOfTheTypeAndNotKnown) {
  const Graph graph = random_graph(1);
  const TripleIndex known(graph);
  const NegativeSampler sampler(graph, known, 3);
  const std::vector<Target> targets = all_targets(graph);
  for (const Side side : {Side::head, Side::tail}) {
    const std::vector<std::int32_t> negatives = sampler.draw(targets, side, 50, 2);
    ASSERT_EQ(negatives.size(), targets.size() * 50);
    for (std::size_t i = 0; i < negatives.size(); ++i) {
      const Triple& triple = targets[i / 50].triple;
      const Relation& relation = graph.relations[triple.relation];
      const std::int32_t type = side == Side::head ? relation.head_type : relation.tail_type;
      ASSERT_NE(negatives[i], kNoNode);
      EXPECT_TRUE(graph.node_types[type].contains(negatives[i]));
      EXPECT_FALSE(known.contains(replaced(triple, side, negatives[i])));
    }
  }
}

TEST(NegativeSamplerTest, EveryFreeNodeIsEquallyLikely) {
  // Heads 0 to 11; 0, 3, 4 and 11 are known for tail 12.
  const Graph graph =
      make_graph({{"a", 12}, {"b", 2}},
                 {{0, "r", 1, Direction::directed, {{0, 12}, {3, 12}, {4, 12}, {11, 12}}}});
  const TripleIndex known(graph);
  const NegativeSampler sampler(graph, known, 3);
  // Frozen, and computed by an independent implementation of Philox.
  EXPECT_EQ(NegativeSampler(graph, known, 42).draw({{{3, 0, 12}, 77}}, Side::head, 8, 2),
            (std::vector<std::int32_t>{10, 6, 10, 5, 10, 6, 1, 9}));

  std::map<std::int32_t, int> by_place, by_step, by_target;
  for (const std::int32_t node : sampler.draw({{{3, 0, 12}, 77}}, Side::head, 8000, 2)) {
    ++by_place[node];
  }
  for (std::int64_t i = 0; i < 8000; ++i) {
    ++by_step[sampler.draw({{{3, 0, 12}, 77}}, Side::head, 1, i)[0]];
    ++by_target[sampler.draw({{{3, 0, 12}, i}}, Side::head, 1, 2)[0]];
  }
  for (const auto& counts : {by_place, by_step, by_target}) {
    EXPECT_EQ(counts.size(), 8u) << "without the four that are known";
    EXPECT_LT(chi_square(counts), chi_square_bound(8));
  }
}

TEST(NegativeSamplerTest, DependOnTheTargetAndNotOnItsBatch) {
  const Graph graph = random_graph(2);
  const TripleIndex known(graph);
  const NegativeSampler sampler(graph, known, 3);
  const std::vector<Target> targets = all_targets(graph);
  const auto whole = sampler.draw(targets, Side::tail, 4, 9);
  const auto more = sampler.draw({targets[17]}, Side::tail, 7, 9);
  EXPECT_EQ(std::vector<std::int32_t>(more.begin(), more.begin() + 4),
            std::vector<std::int32_t>(whole.begin() + 68, whole.begin() + 72));
  EXPECT_NE(sampler.draw(targets, Side::tail, 4, 10), whole) << "step";
  EXPECT_NE(NegativeSampler(graph, known, 4).draw(targets, Side::tail, 4, 9), whole) << "seed";
}

TEST(NegativeSamplerTest, SaysWhereAllNodesAreTrue) {
  const Graph graph = make_graph({{"a", 2}, {"b", 2}},
                                 {{0, "r", 1, Direction::directed, {{0, 2}, {0, 3}, {1, 3}}}});
  const TripleIndex known(graph);
  const NegativeSampler sampler(graph, known, 3);
  const std::vector<Target> targets = {{{0, 0, 2}, 0}, {{1, 0, 3}, 2}};
  EXPECT_EQ(sampler.draw(targets, Side::tail, 2, 0),
            (std::vector<std::int32_t>{kNoNode, kNoNode, 2, 2}));
  EXPECT_EQ(sampler.draw(targets, Side::head, 2, 0),
            (std::vector<std::int32_t>{1, 1, kNoNode, kNoNode}));
  EXPECT_TRUE(sampler.draw(targets, Side::head, 0, 0).empty());
}

TEST(NegativeSamplerTest, InASymmetricRelationNeitherDirectionIsKnown) {
  const Graph graph =
      with_reverses(make_graph({{"a", 4}}, {{0, "r", 0, Direction::undirected, {{0, 1}, {2, 0}}}}))
          .graph;
  const TripleIndex known(graph);
  const NegativeSampler sampler(graph, known, 3);
  for (const std::int32_t node : sampler.draw({{{0, 0, 1}, 0}}, Side::tail, 100, 0)) {
    EXPECT_TRUE(node == 0 || node == 3) << node;
  }
}

}  // namespace
}  // namespace hgnn_moe::kg
