#include "hgnn_moe/kg/edge_sampler.h"

#include <map>

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

TEST(EdgeSamplerTest, TakesSoManyEdgesOfEachRelation) {
  const Graph graph = random_graph(1);
  const TripleSet all = triples_in(graph);
  const EdgeSampler sampler(MessageGraph(graph), 20, 1);
  const std::int32_t island = graph.node_types[testing::kIsland].first;
  const Block block = sampler.sample({island}, 3);
  const TripleSet drawn = triples_in(block);
  EXPECT_TRUE(std::includes(all.begin(), all.end(), drawn.begin(), drawn.end()));
  auto taken = edges_by_relation(drawn);
  for (const auto& [r, edges] : edges_by_relation(all)) {
    EXPECT_EQ(taken[r], std::min<std::int64_t>(edges, 20)) << r;
  }
  EXPECT_EQ(destination_nodes(block), block.sources) << "every layer has the same nodes";
  std::set<std::int32_t> ends = {island};
  for (const auto& [r, head, tail] : drawn) ends.insert({head, tail});
  EXPECT_EQ(block.sources, std::vector<std::int32_t>(ends.begin(), ends.end()));
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
  EXPECT_EQ(triples_in(everything.sample({}, 0, ExcludedEdges(graph, targets))), allowed);
}

TEST(EdgeSamplerTest, EveryEdgeIsEquallyLikely) {
  const Graph graph = random_graph(3);
  const ExcludedEdges excluded(graph, {{Facts(graph)[0], 0}});
  const EdgeSampler sampler(MessageGraph(graph), 1, 4);
  std::map<Edge, int> counts;
  const int draws = 200 * static_cast<int>(graph.relations[0].edges.size());
  for (int step = 0; step < draws; ++step) {
    for (const auto& [r, head, tail] : triples_in(sampler.sample({}, step, excluded))) {
      if (r == 0) ++counts[{head, tail}];
    }
  }
  ASSERT_EQ(counts.size(), graph.relations[0].edges.size() - 1) << "one is excluded";
  EXPECT_LT(chi_square(counts), chi_square_bound(counts.size()));
}

TEST(EdgeSamplerTest, DependsOnSeedAndStep) {
  const MessageGraph messages(random_graph(4));
  const auto drawn = [&](std::uint64_t seed, std::int64_t step) {
    return triples_in(EdgeSampler(messages, 10, seed).sample({}, step));
  };
  EXPECT_EQ(drawn(1, 1), drawn(1, 1));
  EXPECT_NE(drawn(1, 1), drawn(1, 2));
  EXPECT_NE(drawn(1, 1), drawn(2, 1));
}

}  // namespace
}  // namespace hgnn_moe::kg
