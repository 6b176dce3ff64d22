#include "hgnn_moe/kg/edge_order.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

namespace hgnn_moe::kg {
namespace {

using testing::random_graph;

std::vector<std::int64_t> indices_of(const EpochTargets& epoch) {
  std::vector<std::int64_t> indices;
  for (std::int64_t p = 0; p < epoch.size(); ++p) indices.push_back(epoch[p].index);
  return indices;
}

TEST(EpochTargetsTest, EveryFactComesOnceAnEpoch) {
  const Graph graph = random_graph(1);
  const Facts facts(graph);
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    const EpochTargets targets(facts, 7, epoch);
    std::set<std::int64_t> seen;
    for (std::int64_t p = 0; p < targets.size(); ++p) {
      const Target target = targets[p];
      EXPECT_TRUE(seen.insert(target.index).second);
      const Triple fact = facts[target.index];
      if (facts.is_symmetric(fact.relation) && fact.head == target.triple.tail) {
        EXPECT_EQ(edge_of(target.triple), flipped(edge_of(fact)));
        EXPECT_EQ(target.triple.relation, fact.relation);
      } else {
        EXPECT_EQ(target.triple, fact) << "the primary edge";
      }
    }
    EXPECT_EQ(static_cast<std::int64_t>(seen.size()), facts.size());
  }
}

TEST(EpochTargetsTest, DependsOnSeedAndEpochAlone) {
  const Facts facts(random_graph(1));
  const auto order = indices_of(EpochTargets(facts, 7, 3));
  EXPECT_EQ(indices_of(EpochTargets(facts, 7, 3)), order);
  EXPECT_NE(indices_of(EpochTargets(facts, 7, 4)), order);
  EXPECT_NE(indices_of(EpochTargets(facts, 8, 3)), order);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
}

// Frozen, and computed by an independent implementation of Philox and of the shuffle: another
// order would break resuming runs begun with an earlier build.
TEST(EpochTargetsTest, Golden) {
  std::vector<Edge> edges;
  for (std::int32_t tail = 1; tail <= 8; ++tail) edges.push_back({0, tail});
  const auto targets = [&](Direction direction) {
    const Graph graph = testing::make_graph({{"a", 9}}, {{0, "r", 0, direction, edges}});
    return EpochTargets(Facts(with_reverses(graph).graph), 42, 0);
  };
  const std::vector<std::int64_t> order = {5, 0, 7, 6, 3, 1, 2, 4};
  EXPECT_EQ(indices_of(targets(Direction::directed)), order);
  const EpochTargets symmetric = targets(Direction::undirected);
  EXPECT_EQ(indices_of(symmetric), order);
  const bool is_turned[] = {false, true, true, true, false, false, false, true};  // by fact
  for (std::int64_t p = 0; p < 8; ++p) {
    EXPECT_EQ(symmetric[p].triple.tail == 0, is_turned[order[p]]) << p;
  }
}

TEST(EpochTargetsTest, SymmetricFactsAreTrainedInBothDirections) {
  const Graph graph = random_graph(2);
  const Facts facts(graph);
  const int epochs = 400;
  std::vector<int> flips(static_cast<std::size_t>(facts.size()), 0);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const EpochTargets targets(facts, 7, epoch);
    for (std::int64_t p = 0; p < targets.size(); ++p) {
      const Target target = targets[p];
      flips[target.index] += !(target.triple == facts[target.index]);
    }
  }
  for (std::int64_t i = 0; i < facts.size(); ++i) {
    const Triple fact = facts[i];
    if (facts.is_symmetric(fact.relation) && fact.head != fact.tail) {
      EXPECT_NEAR(flips[i], epochs / 2, 50) << "five deviations";
    } else {
      EXPECT_EQ(flips[i], 0);
    }
  }
}

TEST(BatchesTest, CoverTheEpoch) {
  EXPECT_EQ(batch_count(10, 4), 3);
  EXPECT_EQ(batch_count(8, 4), 2);
  EXPECT_EQ(batch_count(0, 4), 0);
  EXPECT_EQ(batch_range(10, 4, 0), (PositionRange{0, 4}));
  EXPECT_EQ(batch_range(10, 4, 2), (PositionRange{8, 10}));
}

TEST(BatchesTest, MicroBatchesCutABatch) {
  using Ranges = std::vector<PositionRange>;
  EXPECT_EQ(micro_batches({8, 18}, 4), (Ranges{{8, 11}, {11, 14}, {14, 16}, {16, 18}}));
  EXPECT_EQ(micro_batches({8, 10}, 4), (Ranges{{8, 9}, {9, 10}}));
  EXPECT_EQ(micro_batches({8, 18}, 1), (Ranges{{8, 18}}));
  EXPECT_TRUE(micro_batches({8, 8}, 4).empty());

  const EpochTargets epoch(Facts(random_graph(1)), 7, 0);
  std::vector<std::int64_t> joined;
  for (const PositionRange part : micro_batches(batch_range(epoch.size(), 50, 1), 8)) {
    for (const Target& target : targets_of(epoch, part)) joined.push_back(target.index);
  }
  const auto order = indices_of(epoch);
  EXPECT_EQ(joined, std::vector<std::int64_t>(order.begin() + 50, order.begin() + 100));
}

}  // namespace
}  // namespace hgnn_moe::kg
