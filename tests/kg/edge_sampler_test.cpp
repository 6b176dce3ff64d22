#include "hgnn_moe/kg/edge_sampler.h"

#include <map>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

#include "hgnn_moe/kg/neighbor_sampler.h"

namespace hgnn_moe::kg {
namespace {

using testing::chi_square;
using testing::chi_square_bound;
using testing::random_graph;
using testing::triples_in;
using testing::TripleSet;

std::map<std::int32_t, std::int64_t> edges_by_relation(const TripleSet& triples) {
  std::map<std::int32_t, std::int64_t> counts;
  for (const auto& [r, head, tail] : triples) ++counts[r];
  return counts;
}

std::vector<std::int32_t> all_nodes(const Graph& graph) {
  std::vector<std::int32_t> nodes(static_cast<std::size_t>(graph.node_count()));
  std::iota(nodes.begin(), nodes.end(), 0);
  return nodes;
}

TEST(EdgeSamplerTest, TakesSoManyEdgesOfEachRelation) {
  const Graph graph = random_graph(1);
  const TripleSet all = triples_in(graph);
  const EdgeSampler sampler(MessageGraph(graph), 20, 1);
  const Block block = sampler.sample(all_nodes(graph), 1, 3).at(0);
  const TripleSet drawn = triples_in(block);
  EXPECT_TRUE(std::includes(all.begin(), all.end(), drawn.begin(), drawn.end()));
  auto taken = edges_by_relation(drawn);
  for (const auto& [r, edges] : edges_by_relation(all)) {
    EXPECT_EQ(taken[r], std::min<std::int64_t>(edges, 20)) << r;
  }
}

// Walking back from the nodes along the edges drawn, a layer at a time.
TEST(EdgeSamplerTest, BlocksHoldWhatLeadsToTheNodesAndNothingElse) {
  const Graph graph = random_graph(5, 3);
  const EdgeSampler sampler(MessageGraph(graph), 20, 1);
  const TripleSet drawn = triples_in(sampler.sample(all_nodes(graph), 1, 3).at(0));
  const std::int32_t island = graph.node_types[testing::kIsland].first;
  const std::int32_t gene = graph.node_types[testing::kGene].first;
  std::set<std::int32_t> nodes = {gene, gene + 2, island};
  const std::vector<Block> blocks = sampler.sample({island, gene, gene + 2, gene}, 2, 3);
  ASSERT_EQ(blocks.size(), 2u);
  for (const std::size_t layer : {1, 0}) {
    const Block& block = blocks[layer];
    EXPECT_EQ(destination_nodes(block), std::vector<std::int32_t>(nodes.begin(), nodes.end()));
    TripleSet expected;
    for (const auto& triple : drawn) {
      if (nodes.count(std::get<2>(triple)) > 0) expected.insert(triple);
    }
    EXPECT_EQ(triples_in(block), expected);
    EXPECT_FALSE(expected.empty());
    EXPECT_LT(expected.size(), drawn.size());
    for (const auto& [r, head, tail] : expected) nodes.insert(head);
    EXPECT_EQ(block.sources, std::vector<std::int32_t>(nodes.begin(), nodes.end()));
  }
}

TEST(EdgeSamplerTest, LeavesOutTargetsAndTheirReverses) {
  const Graph graph = random_graph(2);
  const Facts facts(graph);
  std::vector<Target> targets;
  TripleSet allowed = triples_in(graph);
  for (std::int64_t i = 0; i < facts.size(); i += 3) {
    const Triple fact = facts[i];
    targets.push_back({fact, i});
    allowed.erase({fact.relation, fact.head, fact.tail});
    allowed.erase({graph.relations[fact.relation].reverse, fact.tail, fact.head});
  }
  const EdgeSampler everything(MessageGraph(graph), 1000000, 1);
  EXPECT_EQ(
      triples_in(everything.sample(all_nodes(graph), 1, 0, ExcludedEdges(graph, targets)).at(0)),
      allowed);
}

TEST(EdgeSamplerTest, EveryEdgeIsEquallyLikely) {
  const Graph graph = random_graph(3);
  const ExcludedEdges excluded(graph, {{Facts(graph)[0], 0}});
  const EdgeSampler sampler(MessageGraph(graph), 1, 4);
  const std::vector<std::int32_t> nodes = all_nodes(graph);
  std::map<Edge, int> counts;
  const int draws = 200 * static_cast<int>(graph.relations[0].edges.size());
  for (int step = 0; step < draws; ++step) {
    for (const auto& [r, head, tail] : triples_in(sampler.sample(nodes, 1, step, excluded).at(0))) {
      if (r == 0) ++counts[{head, tail}];
    }
  }
  ASSERT_EQ(counts.size(), graph.relations[0].edges.size() - 1) << "one is excluded";
  EXPECT_LT(chi_square(counts), chi_square_bound(counts.size()));
}

TEST(EdgeSamplerTest, DependsOnSeedAndStep) {
  const Graph graph = random_graph(4);
  const auto drawn = [&](std::uint64_t seed, std::int64_t step) {
    const EdgeSampler sampler(MessageGraph(graph), 10, seed);
    return triples_in(sampler.sample(all_nodes(graph), 1, step).at(0));
  };
  EXPECT_EQ(drawn(1, 1), drawn(1, 1));
  EXPECT_NE(drawn(1, 1), drawn(1, 2));
  EXPECT_NE(drawn(1, 1), drawn(2, 1));
}

}  // namespace
}  // namespace hgnn_moe::kg
