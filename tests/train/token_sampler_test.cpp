#include "hgnn_moe/train/token_sampler.h"

#include <cmath>
#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

SamplerOptions options(double temperature, std::int64_t top_k, std::uint64_t seed = 42) {
  return SamplerOptions{temperature, top_k, seed};
}

TEST(TokenSampler, TemperatureZeroTakesTheLikeliestAndTheSmallestOfEquals) {
  EXPECT_EQ(sample_token({1, 3, 2}, 0, options(0, 0)), 1);
  EXPECT_EQ(sample_token({1, 3, 3, 3}, 7, options(0, 50)), 1);
  EXPECT_EQ(sample_token({2, 2}, 3, options(0, 1)), 0);
}

TEST(TokenSampler, TopOneIsGreedyAtAnyTemperature) {
  for (std::int64_t position = 0; position < 50; ++position) {
    EXPECT_EQ(sample_token({0, 1, 5, 5, 2}, position, options(100, 1)), 2);
  }
}

TEST(TokenSampler, OnlyTheTopKAreDrawnTiesBySmallerId) {
  std::set<std::int64_t> seen;
  for (std::int64_t position = 0; position < 500; ++position) {
    seen.insert(sample_token({1, 2, 1, 3, 1}, position, options(5, 3)));
  }
  EXPECT_EQ(seen, (std::set<std::int64_t>{0, 1, 3}));
}

TEST(TokenSampler, TopKZeroOrAboveTheVocabularyDrawsAmongAll) {
  for (const std::int64_t top_k : {0, 100}) {
    std::set<std::int64_t> seen;
    for (std::int64_t position = 0; position < 300; ++position) {
      seen.insert(sample_token({1, 1, 1, 1}, position, options(1, top_k)));
    }
    EXPECT_EQ(seen.size(), 4u);
  }
}

TEST(TokenSampler, FrequenciesFollowTheSoftmaxAtTheTemperature) {
  const std::vector<float> logits = {0.5f, -1, 2, 0};
  const double temperature = 0.8;
  constexpr int kDraws = 20000;
  std::vector<int> counts(logits.size());
  for (int position = 0; position < kDraws; ++position) {
    ++counts[static_cast<std::size_t>(sample_token(logits, position, options(temperature, 0)))];
  }
  double total = 0;
  for (const float logit : logits) {
    total += std::exp(logit / temperature);
  }
  for (std::size_t id = 0; id < logits.size(); ++id) {
    const double probability = std::exp(logits[id] / temperature) / total;
    const double deviation = std::sqrt(kDraws * probability * (1 - probability));
    EXPECT_NEAR(counts[id], kDraws * probability, 4 * deviation) << "token " << id;
  }
}

TEST(TokenSampler, IsAFunctionOfSeedAndPositionAlone) {
  const std::vector<float> logits(1000, 0);
  std::set<std::int64_t> by_position, by_seed;
  for (std::int64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(sample_token(logits, i, options(1, 0)), sample_token(logits, i, options(1, 0)));
    by_position.insert(sample_token(logits, i, options(1, 0)));
    by_seed.insert(sample_token(logits, 0, options(1, 0, static_cast<std::uint64_t>(i))));
  }
  EXPECT_GT(by_position.size(), 15u);
  EXPECT_GT(by_seed.size(), 15u);
}

TEST(TokenSampler, LargeLogitsDoNotOverflow) {
  EXPECT_EQ(sample_token({3e38f, -3e38f}, 0, options(0.01, 0)), 0);
}

TEST(TokenSampler, MinusInfinityIsNeverDrawn) {
  for (std::int64_t position = 0; position < 200; ++position) {
    EXPECT_EQ(sample_token({-kInfinity, 0, -kInfinity}, position, options(10, 0)), 1);
  }
}

TEST(TokenSampler, NoUsableLogitIsSaid) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string message =
      message_of_error(ExitCode::diverged, [&] { sample_token({1, nan}, 0, options(1, 0)); });
  EXPECT_TRUE(contains(message, "token 1")) << message;
  message_of_error(ExitCode::diverged, [&] { sample_token({1, kInfinity}, 0, options(0, 0)); });
  message_of_error(ExitCode::diverged, [&] { sample_token({-kInfinity}, 0, options(1, 0)); });
}

}  // namespace
}  // namespace hgnn_moe
