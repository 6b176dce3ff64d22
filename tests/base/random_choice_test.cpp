#include "hgnn_moe/base/random_choice.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

using Numbers = std::vector<std::int64_t>;

TEST(RandomChoiceTest, UniformDrawsFillTheInterval) {
  double sum = 0;
  for (std::uint64_t i = 0; i < 12000; ++i) {
    const double draw = draw_uniform(5, i);
    ASSERT_GE(draw, 0.0);
    ASSERT_LT(draw, 1.0);
    sum += draw;
  }
  EXPECT_NEAR(sum / 12000, 0.5, 5 * 0.2887 / std::sqrt(12000.0)) << "five deviations of the mean";
  EXPECT_EQ(draw_uniform(5, 7), draw_uniform(5, 7));
  EXPECT_NE(draw_uniform(5, 7), draw_uniform(6, 7));
  EXPECT_NE(draw_uniform(5, 7), draw_uniform(5, std::uint64_t{7} << 32));
}

TEST(SubsetDrawTest, IsAscendingAndWithoutRepeats) {
  SubsetDraw subsets;
  for (const std::int64_t size : {1, 2, 7, 100, 5000}) {
    for (const std::int64_t count : {std::int64_t{0}, std::int64_t{1}, size / 2, size}) {
      const Numbers subset = subsets.draw(size, count, 3);
      EXPECT_EQ(subset.size(), static_cast<std::size_t>(count));
      EXPECT_EQ(std::set<std::int64_t>(subset.begin(), subset.end()).size(), subset.size());
      EXPECT_TRUE(std::is_sorted(subset.begin(), subset.end()));
      if (count > 0) {
        EXPECT_GE(subset.front(), 0);
        EXPECT_LT(subset.back(), size);
      }
    }
  }
}

// 20 subsets of 3 among 6 numbers in 20,000 draws: each count is 1000 with a deviation of 31.
TEST(SubsetDrawTest, EverySubsetIsEquallyLikely) {
  SubsetDraw subsets;
  std::map<Numbers, int> by_key, by_index;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    ++by_key[subsets.draw(6, 3, i)];
    ++by_index[subsets.draw(6, 3, 11, i << 32)];
  }
  ASSERT_EQ(by_key.size(), 20u);
  ASSERT_EQ(by_index.size(), 20u);
  for (const auto& [subset, count] : by_key) EXPECT_NEAR(count, 1000, 160);
  for (const auto& [subset, count] : by_index) EXPECT_NEAR(count, 1000, 160);
}

// Frozen, and computed by an independent implementation of Philox and of Floyd's algorithm: other
// draws would break resuming runs begun with an earlier build.
TEST(SubsetDrawTest, Golden) {
  SubsetDraw subsets;
  EXPECT_EQ(subsets.draw(20, 6, 3), (Numbers{1, 6, 7, 11, 13, 14}));
  EXPECT_EQ(subsets.draw(20, 6, 3, 100), (Numbers{0, 5, 7, 15, 16, 17}));
}

TEST(SubsetDrawTest, KeepsNothingOfEarlierDraws) {
  SubsetDraw used, fresh;
  used.draw(1000, 900, 1);
  EXPECT_EQ(used.draw(50, 20, 2), fresh.draw(50, 20, 2));
}

}  // namespace
}  // namespace hgnn_moe
