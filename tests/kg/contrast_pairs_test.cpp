#include "hgnn_moe/kg/contrast_pairs.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

#include "hgnn_moe/kg/find_relations.h"

namespace hgnn_moe::kg {
namespace {

using testing::make_graph;
using testing::random_graph;
using Partners = std::vector<std::pair<std::int32_t, float>>;

Partners partners_of(const ContrastPairs& pairs, std::int32_t place) {
  Partners partners;
  for (std::int64_t i = pairs.offsets[place]; i < pairs.offsets[place + 1]; ++i) {
    partners.emplace_back(pairs.partners[i], pairs.similarities[i]);
  }
  return partners;
}

// Every two nodes of the type by their sets.
Partners partners_by_sets(const Graph& graph, const ContrastOptions& options, std::int32_t place) {
  const NodeType& type = graph.node_types[options.node_type];
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
      partners.emplace_back(type.first + other, static_cast<float>(similarity));
    }
  }
  std::sort(partners.begin(), partners.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (static_cast<std::int64_t>(partners.size()) > options.max_partners) {
    partners.resize(static_cast<std::size_t>(options.max_partners));
  }
  return partners;
}

TEST(ContrastPairsTest, AreThoseOfTheSetsOfNeighbors) {
  for (unsigned seed = 0; seed < 5; ++seed) {
    const Graph graph = random_graph(seed, 3);
    for (const std::int64_t most : {64, 3}) {
      for (const std::vector<std::int32_t>& relations :
           {std::vector<std::int32_t>{6}, std::vector<std::int32_t>{6, 0, 2},
            std::vector<std::int32_t>{3, 4}}) {
        ContrastOptions options{testing::kDisease, relations, 0.1, most};
        if (relations[0] == 3) options.node_type = testing::kGene;  // neighbours of the same type
        const ContrastPairs pairs = contrast_pairs(graph, options);
        const std::int32_t count = graph.node_types[options.node_type].count;
        ASSERT_EQ(pairs.offsets.size(), static_cast<std::size_t>(count) + 1);
        ASSERT_EQ(pairs.offsets.back(), static_cast<std::int64_t>(pairs.partners.size()));
        ASSERT_EQ(pairs.similarities.size(), pairs.partners.size());
        EXPECT_GT(pairs.partners.size(), 5u);
        for (std::int32_t i = 0; i < count; ++i) {
          EXPECT_EQ(partners_of(pairs, i), partners_by_sets(graph, options, i)) << i;
        }
      }
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
  const ContrastPairs pairs = contrast_pairs(graph, {0, {0}, 0.1, 64});
  EXPECT_EQ(partners_of(pairs, 0), (Partners{{2, 1.0f / 9}}));
  EXPECT_EQ(partners_of(pairs, 1), (Partners{{2, 0.8f}}));
}

TEST(ContrastPairsTest, BothDirectionsAndTwinsCountOnce) {
  const Graph graph = random_graph(2, 3);
  const ContrastOptions once{testing::kDisease, {6}, 0.1, 64};
  ContrastOptions twice = once;
  twice.relations = {6, graph.relations[6].reverse, 6};
  EXPECT_EQ(contrast_pairs(graph, once).partners, contrast_pairs(graph, twice).partners);
  EXPECT_EQ(contrast_pairs(graph, once).similarities, contrast_pairs(graph, twice).similarities);
  EXPECT_EQ(contrast_pairs(graph, {testing::kDisease, {}, 0.1, 64}).partners.size(), 0u);
}

}  // namespace
}  // namespace hgnn_moe::kg
