#include "hgnn_moe/kg/binary_figures.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace hgnn_moe::kg {
namespace {

using Pairs = std::vector<ScoredPair>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Pairs random_pairs(unsigned seed, int count, int scores) {
  std::mt19937 random(seed);
  Pairs pairs;
  for (int i = 0; i < count; ++i) {
    const bool is_positive = random() % 3 == 0;
    pairs.push_back({static_cast<double>(random() % scores) - (is_positive ? 1 : 2), is_positive});
  }
  return pairs;
}

// The definition: all pairs of a positive and a negative.
double auroc_by_pairs(const Pairs& pairs) {
  double wins = 0, compared = 0;
  for (const ScoredPair& a : pairs) {
    for (const ScoredPair& b : pairs) {
      if (!a.is_positive || b.is_positive) continue;
      wins += a.score > b.score ? 1.0 : a.score == b.score ? 0.5 : 0.0;
      ++compared;
    }
  }
  return wins / compared;
}

// The definition: for each threshold, what is at or above it.
double average_precision_by_thresholds(const Pairs& pairs) {
  std::set<double, std::greater<>> thresholds;
  double positives = 0;
  for (const ScoredPair& pair : pairs) {
    thresholds.insert(pair.score);
    positives += pair.is_positive;
  }
  double area = 0, recall_before = 0;
  for (const double threshold : thresholds) {
    double found = 0, right = 0;
    for (const ScoredPair& pair : pairs) {
      if (pair.score < threshold) continue;
      ++found;
      right += pair.is_positive;
    }
    area += (right / positives - recall_before) * (right / found);
    recall_before = right / positives;
  }
  return area;
}

TEST(BinaryFiguresTest, AreWhatTheirDefinitionsSay) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const Pairs pairs = random_pairs(seed, 50, seed % 2 == 0 ? 5 : 1000);  // ties or nearly none
    const BinaryFigures figures = binary_figures(pairs);
    EXPECT_NEAR(figures.auroc, auroc_by_pairs(pairs), 1e-12);
    EXPECT_NEAR(figures.average_precision, average_precision_by_thresholds(pairs), 1e-12);
    EXPECT_EQ(figures.positives + figures.negatives, 50);
    EXPECT_EQ(figures.errors, 0);
  }
}

TEST(BinaryFiguresTest, KnownValues) {
  // scikit-learn: roc_auc_score and average_precision_score of [0, 0, 1, 1], [.1, .4, .35, .8].
  const Pairs pairs = {{0.1, false}, {0.4, false}, {0.35, true}, {0.8, true}};
  EXPECT_DOUBLE_EQ(binary_figures(pairs).auroc, 0.75);
  EXPECT_DOUBLE_EQ(binary_figures(pairs).average_precision, (1 + 2.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(binary_figures({{1, true}, {0, false}}).auroc, 1.0);
  EXPECT_DOUBLE_EQ(binary_figures({{0, true}, {1, false}}).auroc, 0.0);
}

TEST(BinaryFiguresTest, AConstantScoreIsWorthChance) {
  for (const double score : {0.0, std::numeric_limits<double>::infinity()}) {
    const Pairs pairs = {{score, true}, {score, false}, {score, false}, {score, false}};
    EXPECT_DOUBLE_EQ(binary_figures(pairs).auroc, 0.5);
    EXPECT_DOUBLE_EQ(binary_figures(pairs).average_precision, 0.25);
  }
}

TEST(BinaryFiguresTest, WhatIsNotANumberNeverHelps) {
  const Pairs pairs = {{1, true}, {0, false}, {0, false}, {-1, true}};
  Pairs worse = pairs;
  worse[0].score = kNan;
  worse[1].score = kNan;
  const BinaryFigures figures = binary_figures(worse);
  EXPECT_EQ(figures.errors, 2);
  EXPECT_DOUBLE_EQ(figures.auroc, 0.0) << "both positives below both negatives";
  EXPECT_DOUBLE_EQ(figures.average_precision, (1.0 / 3 + 0.5) / 2);

  const BinaryFigures none = binary_figures({{kNan, true}, {kNan, false}});
  EXPECT_DOUBLE_EQ(none.auroc, 0.0);
  EXPECT_EQ(none.errors, 2);
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_DOUBLE_EQ(binary_figures({{-infinity, false}, {kNan, true}}).auroc, 0.0);
  EXPECT_DOUBLE_EQ(binary_figures({{infinity, true}, {kNan, false}}).auroc, 0.0);
}

TEST(BinaryFiguresTest, OneClassHasNone) {
  EXPECT_TRUE(std::isnan(binary_figures({}).auroc));
  EXPECT_TRUE(std::isnan(binary_figures({{1, true}}).auroc));
  EXPECT_TRUE(std::isnan(binary_figures({{1, true}}).average_precision));
  EXPECT_TRUE(std::isnan(binary_figures({{1, false}}).average_precision));
  EXPECT_TRUE(std::isnan(recall_at(3, {{1, false}})));
}

// The mean over all orders of equal scores.
double recall_by_orders(std::int64_t k, const Pairs& pairs) {
  std::vector<std::size_t> order(pairs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  double sum = 0, orders = 0;
  do {
    const auto descends = [&](std::size_t a, std::size_t b) {
      return pairs[a].score > pairs[b].score;
    };
    if (!std::is_sorted(order.begin(), order.end(), descends)) continue;
    double found = 0, positives = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      positives += pairs[order[i]].is_positive;
      if (static_cast<std::int64_t>(i) < k) found += pairs[order[i]].is_positive;
    }
    sum += found / positives;
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  return sum / orders;
}

TEST(RecallTest, IsTheMeanOverOrdersOfEqualScores) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Pairs pairs = random_pairs(seed, 7, 3);
    pairs[0].is_positive = true;
    for (std::int64_t k = 0; k <= 8; ++k) {
      EXPECT_NEAR(recall_at(k, pairs), recall_by_orders(k, pairs), 1e-12) << "at " << k;
    }
  }
  EXPECT_DOUBLE_EQ(recall_at(1, {{kNan, true}, {0, false}, {-1, true}}), 0.0);
}

}  // namespace
}  // namespace hgnn_moe::kg
