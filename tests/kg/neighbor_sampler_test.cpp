#include "hgnn_moe/kg/neighbor_sampler.h"

#include <map>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

#include "hgnn_moe/kg/edge_order.h"

namespace hgnn_moe::kg {
namespace {

using testing::add_fact;
using testing::chi_square;
using testing::chi_square_bound;
using testing::make_graph;
using testing::random_graph;
using testing::triples_in;
using testing::TripleSet;
using Nodes = std::vector<std::int32_t>;

// The edges of `triples` that end in one of `nodes`.
TripleSet into(const TripleSet& triples, const Nodes& nodes) {
  TripleSet found;
  for (const auto& [r, head, tail] : triples) {
    if (std::binary_search(nodes.begin(), nodes.end(), tail)) found.emplace(r, head, tail);
  }
  return found;
}

// How many edges of each relation end in each node: (relation, tail) -> edges.
std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> degrees_of(const TripleSet& triples) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> degrees;
  for (const auto& [r, head, tail] : triples) ++degrees[{r, tail}];
  return degrees;
}

std::vector<TripleSet> triples_of(const std::vector<Block>& blocks) {
  std::vector<TripleSet> triples;
  for (const Block& block : blocks) triples.push_back(triples_in(block));
  return triples;
}

// Ten heads (1 to 10) and node 0 as the tail of all.
Graph star() {
  std::vector<Edge> edges;
  for (std::int32_t head = 1; head <= 10; ++head) edges.push_back({head, 0});
  return with_reverses(make_graph({{"a", 11}}, {{0, "r", 0, Direction::directed, edges}})).graph;
}

TEST(NeighborSamplerTest, AllNeighborsAreTheWholeGraph) {
  const Graph graph = random_graph(1);
  Nodes all(static_cast<std::size_t>(graph.node_count()));
  std::iota(all.begin(), all.end(), 0);
  const NeighborSampler sampler(MessageGraph(graph), {kAllNeighbors, kAllNeighbors}, 1);
  for (const Block& block : sampler.sample(all, 0)) {
    EXPECT_EQ(block.sources, all);
    EXPECT_EQ(destination_nodes(block), all);
    EXPECT_EQ(triples_in(block), triples_in(graph));
  }
}

TEST(NeighborSamplerTest, TakesSoManyOfEachRelationAndHop) {
  const Graph graph = random_graph(2);
  const TripleSet all = triples_in(graph);
  const NeighborSampler sampler(MessageGraph(graph), {2, kAllNeighbors, 1}, 5);
  const std::int64_t limits[] = {1, 1000, 2};  // by block: the first hop is the last block
  for (std::int64_t step = 0; step < 5; ++step) {
    const Nodes seeds = {3, 15, 30};
    const std::vector<Block> blocks = sampler.sample(seeds, step);
    ASSERT_EQ(blocks.size(), 3u);
    for (std::size_t b = 0; b < 3; ++b) {
      EXPECT_EQ(destination_nodes(blocks[b]), b == 2 ? seeds : blocks[b + 1].sources);
      const TripleSet drawn = triples_in(blocks[b]);
      EXPECT_TRUE(std::includes(all.begin(), all.end(), drawn.begin(), drawn.end()));
      auto taken = degrees_of(drawn);
      const TripleSet there = into(all, destination_nodes(blocks[b]));
      for (const auto& [place, degree] : degrees_of(there)) {
        EXPECT_EQ(taken[place], std::min(degree, limits[b]));
      }
      // Sources are what is needed and nothing else.
      std::set<std::int32_t> needed;
      for (const std::int32_t node : destination_nodes(blocks[b])) needed.insert(node);
      for (const auto& [r, head, tail] : drawn) needed.insert(head);
      EXPECT_EQ(blocks[b].sources, Nodes(needed.begin(), needed.end()));
    }
  }
}

TEST(NeighborSamplerTest, EverySetOfNeighborsIsEquallyLikely) {
  const Graph graph = star();
  const NeighborSampler sampler(MessageGraph(graph), {2}, 3);
  std::map<Nodes, int> counts;
  for (std::int64_t step = 0; step < 9000; ++step) {
    const Block block = sampler.sample({0}, step).front();
    ++counts[Nodes(block.sources.begin() + 1, block.sources.end())];
  }
  ASSERT_EQ(counts.size(), 45u) << "pairs of ten";
  EXPECT_LT(chi_square(counts), chi_square_bound(45));
}

TEST(NeighborSamplerTest, ExcludedEdgesMakeRoomForOthers) {
  const Graph graph = star();
  const ExcludedEdges excluded(graph, {{{4, 0, 0}, 0}});
  const NeighborSampler sampler(MessageGraph(graph), {2}, 3);
  std::map<Nodes, int> counts;
  for (std::int64_t step = 0; step < 7200; ++step) {
    const Block block = sampler.sample({0}, step, excluded).front();
    ASSERT_EQ(block.sources.size(), 3u) << "two of the nine that are left";
    ++counts[Nodes(block.sources.begin() + 1, block.sources.end())];
  }
  ASSERT_EQ(counts.size(), 36u);
  for (const auto& [nodes, count] : counts) {
    EXPECT_EQ(std::count(nodes.begin(), nodes.end(), 4), 0);
  }
  EXPECT_LT(chi_square(counts), chi_square_bound(36));

  const NeighborSampler nine(MessageGraph(graph), {9}, 3);
  EXPECT_EQ(nine.sample({0}, 0, excluded).front().sources, (Nodes{0, 1, 2, 3, 5, 6, 7, 8, 9, 10}));
  const NeighborSampler all(MessageGraph(graph), {kAllNeighbors}, 3);
  EXPECT_EQ(all.sample({0}, 0, excluded).front().sources, (Nodes{0, 1, 2, 3, 5, 6, 7, 8, 9, 10}));
  EXPECT_TRUE(all.sample({4}, 0, excluded).front().relations.empty()) << "the reverse is gone too";
}

TEST(NeighborSamplerTest, NoTargetOrReverseIsEverAMessage) {
  const Graph graph = random_graph(4);
  const EpochTargets epoch(Facts(graph), 1, 0);
  for (std::int64_t b = 0; b < batch_count(epoch.size(), 40); ++b) {
    const std::vector<Target> targets = targets_of(epoch, batch_range(epoch.size(), 40, b));
    TripleSet forbidden;
    Nodes seeds;
    for (const Target& target : targets) {
      add_fact(graph, target.triple, forbidden);
      seeds.insert(seeds.end(), {target.triple.head, target.triple.tail});
    }
    const TripleSet all = triples_in(graph);
    TripleSet allowed;
    std::set_difference(all.begin(), all.end(), forbidden.begin(), forbidden.end(),
                        std::inserter(allowed, allowed.end()));
    const ExcludedEdges excluded(graph, targets);
    for (const std::int64_t limit : {std::int64_t{3}, kAllNeighbors}) {
      const NeighborSampler sampler(MessageGraph(graph), {limit, limit}, 9);
      for (const Block& block : sampler.sample(seeds, b, excluded)) {
        auto taken = degrees_of(triples_in(block));
        for (const auto& [r, head, tail] : triples_in(block)) {
          EXPECT_EQ(forbidden.count({r, head, tail}), 0u);
        }
        for (const auto& [place, degree] : degrees_of(into(allowed, destination_nodes(block)))) {
          EXPECT_EQ(taken[place], limit < 0 ? degree : std::min(degree, limit));
        }
      }
    }
  }
}

TEST(NeighborSamplerTest, MicroBatchesHaveTheNeighborhoodsOfTheirBatch) {
  const Graph graph = random_graph(5);
  const EpochTargets epoch(Facts(graph), 1, 0);
  const PositionRange batch = batch_range(epoch.size(), 60, 1);
  const ExcludedEdges excluded(graph, targets_of(epoch, batch));
  const NeighborSampler sampler(MessageGraph(graph), {2, 3}, 9);
  const auto sample = [&](PositionRange positions) {
    Nodes seeds;
    for (const Target& target : targets_of(epoch, positions)) {
      seeds.insert(seeds.end(), {target.triple.head, target.triple.tail});
    }
    return sampler.sample(seeds, 4, excluded);
  };
  const std::vector<Block> whole = sample(batch);
  std::vector<TripleSet> joined(2);
  for (const PositionRange part : micro_batches(batch, 4)) {
    const std::vector<Block> blocks = sample(part);
    for (std::size_t b = 0; b < 2; ++b) {
      const TripleSet triples = triples_in(blocks[b]);
      EXPECT_EQ(triples, into(triples_in(whole[b]), destination_nodes(blocks[b])));
      joined[b].insert(triples.begin(), triples.end());
    }
  }
  EXPECT_EQ(joined, triples_of(whole));
}

TEST(NeighborSamplerTest, DrawsDependOnSeedStepHopAndRelation) {
  const Graph graph = random_graph(6, 3);
  const MessageGraph messages(graph);
  const Nodes seeds = {2, 50, 70, 90, 100};
  const auto drawn = [&](std::uint64_t seed, std::int64_t step) {
    return triples_of(NeighborSampler(messages, {1, 1}, seed).sample(seeds, step));
  };
  EXPECT_EQ(drawn(1, 1), drawn(1, 1));
  EXPECT_NE(drawn(1, 1), drawn(2, 1));
  EXPECT_NE(drawn(1, 1), drawn(1, 2));
  const std::vector<TripleSet> hops = drawn(1, 1);
  EXPECT_NE(into(hops[0], seeds), into(hops[1], seeds)) << "each hop draws anew";

  // Two relations with the same edges.
  std::vector<Edge> edges;
  for (std::int32_t head = 1; head <= 100; ++head) edges.push_back({head, 0});
  const Graph twins = make_graph({{"a", 101}}, {{0, "r", 0, Direction::directed, edges},
                                                {0, "s", 0, Direction::directed, edges}});
  const Block block = NeighborSampler(MessageGraph(twins), {5}, 1).sample({0}, 0).front();
  ASSERT_EQ(block.relations.size(), 2u);
  EXPECT_NE(block.relations[0].heads, block.relations[1].heads);
}

// Frozen, and computed by an independent implementation of Philox and of Floyd's algorithm: other
// draws would break resuming runs begun with an earlier build.
TEST(NeighborSamplerTest, Golden) {
  std::vector<Edge> edges;
  for (std::int32_t head = 6; head <= 15; ++head) edges.push_back({head, 5});
  const Graph graph = make_graph({{"a", 16}}, {{0, "r", 0, Direction::directed, edges}});
  const NeighborSampler sampler(MessageGraph(graph), {3, 3}, 42);
  const auto heads = [&](std::int64_t step, std::size_t hop) {
    const Block block = sampler.sample({5}, step)[1 - hop];
    Nodes nodes;
    for (const std::int32_t head : block.relations.at(0).heads) {
      nodes.push_back(block.sources[head]);
    }
    return nodes;
  };
  EXPECT_EQ(heads(0, 0), (Nodes{7, 12, 13}));
  EXPECT_EQ(heads(1, 0), (Nodes{10, 12, 13}));
  EXPECT_EQ(heads(0, 1), (Nodes{7, 13, 15}));
}

TEST(NeighborSamplerTest, OrderAndRepeatsOfSeedsDoNotMatter) {
  const Graph graph = random_graph(7);
  const NeighborSampler sampler(MessageGraph(graph), {2, 2}, 1);
  const std::vector<Block> sorted = sampler.sample({3, 20, 41}, 0);
  const std::vector<Block> mixed = sampler.sample({41, 3, 20, 3}, 0);
  EXPECT_EQ(triples_of(sorted), triples_of(mixed));
  EXPECT_EQ(destination_nodes(mixed.back()), (Nodes{3, 20, 41}));
  EXPECT_EQ(destination_rows(mixed.back(), {41, 3, 20, 3}), (Nodes{2, 0, 1, 0}));
  EXPECT_TRUE(sampler.sample({}, 0).front().sources.empty());
}

TEST(NeighborSamplerTest, NodesWithoutEdgesStandAlone) {
  const Graph graph = random_graph(7);
  const std::int32_t island = graph.node_types[testing::kIsland].first;
  const NeighborSampler sampler(MessageGraph(graph), {2, 2}, 1);
  for (const Block& block : sampler.sample({island}, 0)) {
    EXPECT_EQ(block.sources, (Nodes{island}));
    EXPECT_TRUE(block.relations.empty());
  }
}

TEST(NeighborSamplerTest, ThreadsMaySampleTogether) {
  const Graph graph = random_graph(8, 4);
  const NeighborSampler sampler(MessageGraph(graph), {3, 3}, 1);
  constexpr int kSteps = 32;
  std::vector<std::vector<TripleSet>> together(kSteps);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int step = t; step < kSteps; step += 4) {
        together[step] = triples_of(sampler.sample({step, 60 + step}, step));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int step = 0; step < kSteps; ++step) {
    EXPECT_EQ(together[step], triples_of(sampler.sample({step, 60 + step}, step)));
  }
}

}  // namespace
}  // namespace hgnn_moe::kg
