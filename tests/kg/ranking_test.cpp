#include "hgnn_moe/kg/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace hgnn_moe::kg {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Nodes 10, 11, 12 ... in the place of one end.
struct Candidates {
  std::vector<float> scores;
  std::set<std::int32_t> known;
  std::int32_t target = 0;

  Rank rank() const {
    const NodeType type{"t", 10, static_cast<std::int32_t>(scores.size())};
    std::vector<Edge> edges;
    for (const std::int32_t node : known) edges.push_back({node, 0});
    return rank_of(target, scores.data(), type, {edges.data(), edges.data() + edges.size()});
  }
};

// By sorting: the places that the true score may take among those that are ranked.
Rank rank_by_sorting(const Candidates& candidates) {
  std::vector<float> ranked;
  for (std::size_t i = 0; i < candidates.scores.size(); ++i) {
    const auto node = static_cast<std::int32_t>(10 + i);
    if (node == candidates.target || candidates.known.count(node) == 0) {
      ranked.push_back(candidates.scores[i]);
    }
  }
  std::sort(ranked.begin(), ranked.end(), std::greater<>());
  const auto [first, last] = std::equal_range(
      ranked.begin(), ranked.end(), candidates.scores[candidates.target - 10], std::greater<>());
  return {first - ranked.begin() + 1, last - ranked.begin(),
          static_cast<std::int64_t>(ranked.size()), 0};
}

TEST(RankTest, IsThePlaceAmongSortedCandidates) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 500; ++trial) {
    Candidates candidates;
    const int count = 1 + static_cast<int>(random() % 20);
    for (int i = 0; i < count; ++i) {
      candidates.scores.push_back(static_cast<float>(random() % 6) - 2.5f);  // many ties
      if (random() % 3 == 0) candidates.known.insert(10 + i);
    }
    candidates.target = 10 + static_cast<std::int32_t>(random() % candidates.scores.size());
    if (trial % 2 == 0) candidates.known.insert(candidates.target);
    const Rank rank = candidates.rank();
    const Rank expected = rank_by_sorting(candidates);
    EXPECT_EQ(rank.optimistic, expected.optimistic);
    EXPECT_EQ(rank.pessimistic, expected.pessimistic);
    EXPECT_EQ(rank.candidates, expected.candidates);
    EXPECT_EQ(rank.errors, 0);
    EXPECT_EQ(rank.realistic(), (expected.optimistic + expected.pessimistic) / 2.0);
  }
}

TEST(RankTest, AConstantScoreIsInTheMiddle) {
  Candidates candidates{std::vector<float>(99, 0.5f), {}, 20};
  EXPECT_EQ(candidates.rank().realistic(), 50.0);
  candidates.scores.assign(99, kInfinity);
  EXPECT_EQ(candidates.rank().realistic(), 50.0);
}

TEST(RankTest, WhatIsNotANumberNeverHelps) {
  // Two candidates above, one NaN, one NaN that is filtered.
  Candidates candidates{{3, 2, 1, 0, kNan, kNan}, {15}, 12};
  EXPECT_EQ(candidates.rank().optimistic, 4);
  EXPECT_EQ(candidates.rank().pessimistic, 4);
  EXPECT_EQ(candidates.rank().errors, 1);
  candidates.scores[2] = kNan;
  EXPECT_EQ(candidates.rank().optimistic, 5) << "the last of five";
  EXPECT_EQ(candidates.rank().pessimistic, 5);
  EXPECT_EQ(candidates.rank().errors, 2);
  candidates.scores.assign(6, kNan);
  EXPECT_EQ(candidates.rank().realistic(), 5.0);
  candidates.scores = {kInfinity, -kInfinity, -kInfinity, 0, 1, kNan};
  EXPECT_EQ(candidates.rank().optimistic, 4);
  EXPECT_EQ(candidates.rank().pessimistic, 5);
}

Rank at(std::int64_t optimistic, std::int64_t pessimistic, std::int64_t errors = 0) {
  return {optimistic, pessimistic, 20, errors};
}

TEST(RankTableTest, MeansBySideRelationAndInAll) {
  RankTable table(3);
  table.add(0, Side::head, at(1, 1));
  table.add(0, Side::head, at(1, 2));
  table.add(0, Side::tail, at(4, 4));
  table.add(2, Side::tail, at(9, 11, 2));

  const RankFigures head = table.of(0, Side::head);
  EXPECT_EQ(head.ranks, 2);
  EXPECT_DOUBLE_EQ(head.mean_rank, 1.25);
  EXPECT_DOUBLE_EQ(head.mrr, (1 + 1 / 1.5) / 2);
  EXPECT_DOUBLE_EQ(head.hits_at_1, 0.5) << "a rank of 1.5 is no hit at 1";
  EXPECT_DOUBLE_EQ(head.hits_at_3, 1.0);

  const RankFigures both = table.of(0);
  EXPECT_DOUBLE_EQ(both.mrr, (1 + 1 / 1.5 + 0.25) / 3);
  EXPECT_DOUBLE_EQ(both.hits_at_3, 2.0 / 3);
  EXPECT_DOUBLE_EQ(both.hits_at_10, 1.0);

  const RankFigures last = table.of(2);
  EXPECT_DOUBLE_EQ(last.mrr, 0.1);
  EXPECT_DOUBLE_EQ(last.hits_at_10, 1.0) << "ten is among the first ten";
  EXPECT_EQ(last.errors, 2);

  EXPECT_DOUBLE_EQ(table.of(Side::tail).mean_rank, 7.0);
  EXPECT_DOUBLE_EQ(table.micro().mrr, (1 + 1 / 1.5 + 0.25 + 0.1) / 4);
  EXPECT_EQ(table.micro().ranks, 4);
  EXPECT_NEAR(table.macro().mrr, (both.mrr + last.mrr) / 2, 1e-15);
  EXPECT_NEAR(table.macro().mean_rank, (both.mean_rank + 10) / 2, 1e-14);
  EXPECT_NEAR(table.macro().hits_at_1, (both.hits_at_1 + 0) / 2, 1e-15);
  EXPECT_NEAR(table.macro().hits_at_3, (both.hits_at_3 + 0) / 2, 1e-15);
  EXPECT_NEAR(table.macro().hits_at_10, 1.0, 1e-15);
  EXPECT_EQ(table.macro().ranks, 4);
  EXPECT_EQ(table.macro().errors, 2);
}

TEST(RankTableTest, NothingHasNoMean) {
  const RankTable table(2);
  for (const RankFigures& figures :
       {table.of(1), table.of(1, Side::head), table.of(Side::tail), table.micro(), table.macro()}) {
    EXPECT_EQ(figures.ranks, 0);
    EXPECT_TRUE(std::isnan(figures.mrr));
    EXPECT_TRUE(std::isnan(figures.hits_at_10));
  }
}

}  // namespace
}  // namespace hgnn_moe::kg
