#include "hgnn_moe/hgt/seed_statistics.h"

#include <cmath>

#include <gtest/gtest.h>

namespace hgnn_moe::hgt {
namespace {

// From printed tables, and closed forms for one and two degrees.
TEST(SeedStatistics, QuantilesOfStudentsT) {
  const struct {
    double probability, degrees, quantile;
  } known[] = {{0.975, 1, 12.7062047362}, {0.975, 2, 4.3026527297},   {0.975, 3, 3.1824463053},
               {0.975, 4, 2.7764451052},  {0.975, 9, 2.2621571628},   {0.975, 30, 2.0422724563},
               {0.995, 5, 4.0321429836},  {0.975, 1000, 1.9623390808}};
  for (const auto& [probability, degrees, quantile] : known) {
    EXPECT_NEAR(t_quantile(probability, degrees), quantile, 1e-9 * quantile) << degrees;
    EXPECT_NEAR(t_quantile(1 - probability, degrees), -quantile, 1e-9 * quantile) << degrees;
  }
  for (const double p : {0.51, 0.6, 0.9, 0.999}) {
    EXPECT_NEAR(t_quantile(p, 1), std::tan(M_PI * (p - 0.5)), 1e-9 * t_quantile(p, 1));
    EXPECT_NEAR(t_quantile(p, 2), (2 * p - 1) / std::sqrt(2 * p * (1 - p)),
                1e-9 * t_quantile(p, 2));
  }
  EXPECT_EQ(t_quantile(0.5, 3), 0.0);
}

TEST(SeedStatistics, MeanDeviationAndInterval) {
  const SeedSummary three = summarise(std::vector<double>{1.0, 2.0, 6.0});
  EXPECT_EQ(three.n, 3u);
  EXPECT_DOUBLE_EQ(*three.mean, 3.0);
  EXPECT_DOUBLE_EQ(*three.deviation, std::sqrt(7.0));
  const double half = 4.3026527297 * std::sqrt(7.0 / 3.0);
  EXPECT_NEAR(three.interval->low, 3.0 - half, 1e-8);
  EXPECT_NEAR(three.interval->high, 3.0 + half, 1e-8);
  EXPECT_FALSE(three.excludes(0.0));
  EXPECT_TRUE(three.excludes(10.0));
}

TEST(SeedStatistics, OneSeedHasNoInterval) {
  const SeedSummary one = summarise(std::vector<double>{5.0});
  EXPECT_EQ(*one.mean, 5.0);
  EXPECT_FALSE(one.deviation || one.interval);
  EXPECT_FALSE(one.excludes(0.0)) << "nothing can be said";
  const SeedSummary none = summarise(std::vector<double>{});
  EXPECT_FALSE(none.mean || none.interval);
}

TEST(SeedStatistics, DifferencesArePairedBySeed) {
  // Seeds differ by much and each pair by the same: only pairs show it.
  const SeedValues first = {{1, 10.0}, {2, 20.0}, {3, 40.0}, {9, -7.0}};
  const SeedValues second = {{1, 11.0}, {2, 21.5}, {3, 40.5}, {4, 1000.0}};
  const SeedSummary difference = paired_difference(first, second);
  EXPECT_EQ(difference.n, 3u);
  EXPECT_DOUBLE_EQ(*difference.mean, 1.0);
  EXPECT_DOUBLE_EQ(*difference.deviation, 0.5);
  EXPECT_NEAR(difference.interval->low, 1.0 - 4.3026527297 * 0.5 / std::sqrt(3.0), 1e-8);
}

TEST(SeedStatistics, RatiosAreGeometricMeans) {
  const SeedSummary ratio = paired_ratio({{1, 1.0}, {2, 10.0}}, {{1, 2.0}, {2, 80.0}});
  EXPECT_NEAR(*ratio.mean, 4.0, 1e-12) << "of 2 and 8";
  EXPECT_NEAR(ratio.interval->low * ratio.interval->high, 16.0, 1e-6);
  EXPECT_FALSE(ratio.excludes(1.0)) << "two seeds tell little";
  const SeedSummary same = paired_ratio({{1, 1.0}, {2, 10.0}}, {{1, 3.0}, {2, 30.0}});
  EXPECT_TRUE(same.excludes(1.0));
  EXPECT_NEAR(same.interval->low, 3.0, 1e-12);
}

}  // namespace
}  // namespace hgnn_moe::hgt
