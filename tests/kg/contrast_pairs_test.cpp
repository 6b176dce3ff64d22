#include "hgnn_moe/kg/contrast_pairs.h"

#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

#include "hgnn_moe/kg/find_relations.h"

namespace hgnn_moe::kg {
namespace {

using testing::make_graph;
using testing::random_graph;
using Partners = std::vector<ContrastPartner>;

// Every two nodes of the type by their sets.
Partners partners_by_sets(const Graph& graph, const ContrastOptions& options, std::int32_t node) {
  const NodeType& type = graph.node_types[options.node_type];
  const std::int32_t place = node - type.first;
  std::vector<std::set<std::int32_t>> neighbors(static_cast<std::size_t>(type.count));
  for (const std::int32_t r : options.relations) {
    for (const Edge& edge : graph.relations[r].edges) {
      if (type.contains(edge.head)) neighbors[edge.head - type.first].insert(edge.tail);
      if (type.contains(edge.tail)) neighbors[edge.tail - type.first].insert(edge.head);
    }
  }
  Partners partners;
  for (std::int32_t other = 0; other < type.count; ++other) {
    std::set<std::int32_t> shared, either;
    for (const std::int32_t n : neighbors[place]) {
      if (neighbors[other].count(n) > 0) shared.insert(n);
      either.insert(n);
    }
    either.insert(neighbors[other].begin(), neighbors[other].end());
    const double similarity =
        either.empty() ? 0.0 : static_cast<double>(shared.size()) / either.size();
    if (other != place && similarity > options.similarity_threshold) {
      partners.push_back({type.first + other, similarity});
    }
  }
  std::sort(partners.begin(), partners.end(), [](const auto& a, const auto& b) {
    return std::tuple(-a.similarity, a.node) < std::tuple(-b.similarity, b.node);
  });
  return partners;
}

TEST(ContrastPairsTest, AreThoseOfTheSetsOfNeighbors) {
  for (unsigned seed = 0; seed < 5; ++seed) {
    const Graph graph = random_graph(seed, 3);
    for (const std::vector<std::int32_t>& relations :
         {std::vector<std::int32_t>{6}, std::vector<std::int32_t>{6, 0, 2},
          std::vector<std::int32_t>{3, 4}}) {
      ContrastOptions options{testing::kDisease, relations, 0.1};
      if (relations[0] == 3) options.node_type = testing::kGene;  // neighbours of the same type
      const ContrastPairs pairs(graph, options);
      const NodeType& type = graph.node_types[options.node_type];
      std::vector<std::int32_t> nodes;
      for (std::int32_t node = type.first; node < type.first + type.count; ++node) {
        const Partners expected = partners_by_sets(graph, options, node);
        EXPECT_EQ(pairs.partners_of(node), expected) << node;
        if (!expected.empty()) nodes.push_back(node);
      }
      EXPECT_EQ(pairs.nodes(), nodes);
      EXPECT_GT(nodes.size(), 5u);
    }
  }
}

TEST(ContrastPairsTest, TheThresholdItselfIsNotAbove) {
  // Diseases 0 and 1 share one of ten genes, 2 and 0 one of nine.
  std::vector<Edge> edges = {{0, 3}, {1, 3}, {2, 3}};
  for (std::int32_t gene = 4; gene < 9; ++gene) edges.push_back({0, gene});
  for (std::int32_t gene = 9; gene < 13; ++gene) edges.push_back({1, gene});
  for (std::int32_t gene = 9; gene < 12; ++gene) edges.push_back({2, gene});
  const Graph graph =
      make_graph({{"disease", 3}, {"gene", 10}}, {{0, "has", 1, Direction::directed, edges}});
  const ContrastPairs pairs(graph, {0, {0}, 0.1});
  EXPECT_EQ(pairs.partners_of(0), (Partners{{2, 1.0 / 9}}));
  EXPECT_EQ(pairs.partners_of(1), (Partners{{2, 0.8}}));
}

TEST(ContrastPairsTest, BothDirectionsAndTwinsCountOnce) {
  const Graph graph = random_graph(2, 3);
  const ContrastPairs once(graph, {testing::kDisease, {6}, 0.1});
  const ContrastPairs twice(graph, {testing::kDisease, {6, graph.relations[6].reverse, 6}, 0.1});
  ASSERT_EQ(twice.nodes(), once.nodes());
  for (const std::int32_t node : once.nodes()) {
    EXPECT_EQ(twice.partners_of(node), once.partners_of(node));
  }
  EXPECT_TRUE(ContrastPairs(graph, {testing::kDisease, {}, 0.1}).nodes().empty());
}

}  // namespace
}  // namespace hgnn_moe::kg
