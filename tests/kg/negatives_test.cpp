#include "hgnn_moe/kg/negatives.h"

#include <algorithm>
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

TEST(NegativeSamplerTest, AreDifferentNodesOfTheType) {
  const Graph graph = random_graph(1);
  const NegativeSampler sampler(graph.node_types, 10, 3);
  for (std::size_t t = 0; t < graph.node_types.size(); ++t) {
    const NodeType& type = graph.node_types[t];
    const auto nodes = sampler.draw(static_cast<std::int32_t>(t), 5);
    EXPECT_EQ(nodes.size(), std::min<std::size_t>(10, static_cast<std::size_t>(type.count)));
    EXPECT_EQ(std::adjacent_find(nodes.begin(), nodes.end(), std::greater_equal<>()), nodes.end());
    for (const std::int32_t node : nodes) {
      EXPECT_GE(node, type.first);
      EXPECT_LT(node, type.first + type.count);
    }
  }
}

TEST(NegativeSamplerTest, EveryNodeIsEquallyLikely) {
  const NegativeSampler sampler({{"a", 0, 5}, {"b", 5, 12}}, 3, 3);
  std::map<std::int32_t, int> counts;
  for (std::int64_t step = 0; step < 4000; ++step) {
    for (const std::int32_t node : sampler.draw(1, step)) ++counts[node];
  }
  EXPECT_EQ(counts.size(), 12u);
  // Draws without replacement vary less than the bound supposes.
  EXPECT_LT(chi_square(counts), chi_square_bound(12));
}

TEST(NegativeSamplerTest, DependOnSeedStepAndType) {
  const std::vector<NodeType> types = {{"a", 0, 1000}, {"b", 1000, 1000}};
  const NegativeSampler sampler(types, 20, 3);
  const auto nodes = sampler.draw(0, 7);
  EXPECT_EQ(sampler.draw(0, 7), nodes);
  EXPECT_NE(sampler.draw(0, 8), nodes);
  EXPECT_NE(NegativeSampler(types, 20, 4).draw(0, 7), nodes);
  std::vector<std::int32_t> moved;
  for (const std::int32_t node : sampler.draw(1, 7)) moved.push_back(node - 1000);
  EXPECT_NE(moved, nodes);
}

TEST(KnownCandidatesTest, EqualTheIndexPairByPair) {
  const Graph graph = random_graph(2);
  const TripleIndex known(graph);
  const std::vector<Target> targets = all_targets(graph);
  for (const std::int64_t count : {2, 100}) {  // fewer and more than what is known of most
    const NegativeSampler sampler(graph.node_types, count, 3);
    for (const Side side : {Side::head, Side::tail}) {
      for (const Target& target : targets) {
        const Relation& relation = graph.relations[target.triple.relation];
        const auto candidates =
            sampler.draw(side == Side::head ? relation.head_type : relation.tail_type, 1);
        const auto mask = known_candidates(known, {target}, side, candidates);
        ASSERT_EQ(mask.size(), candidates.size());
        for (std::size_t j = 0; j < mask.size(); ++j) {
          const Triple negative = replaced(target.triple, side, candidates[j]);
          EXPECT_EQ(mask[j] != unknown, known.contains(negative)) << target.index << ' ' << j;
          EXPECT_EQ(mask[j] == own_end, negative == target.triple) << target.index << ' ' << j;
        }
      }
    }
  }
}

TEST(KnownCandidatesTest, RowsFollowTheTargets) {
  const Graph graph = make_graph({{"a", 2}, {"b", 2}},
                                 {{0, "r", 1, Direction::directed, {{0, 2}, {0, 3}, {1, 3}}}});
  const TripleIndex known(graph);
  const std::vector<Target> targets = {{{0, 0, 2}, 0}, {{1, 0, 3}, 2}};
  EXPECT_EQ(known_candidates(known, targets, Side::tail, {2, 3}),
            (std::vector<std::uint8_t>{own_end, also_true, unknown, own_end}));
  EXPECT_EQ(known_candidates(known, targets, Side::head, {0, 1}),
            (std::vector<std::uint8_t>{own_end, unknown, also_true, own_end}));
  EXPECT_TRUE(known_candidates(known, targets, Side::head, {}).empty());
}

}  // namespace
}  // namespace hgnn_moe::kg
