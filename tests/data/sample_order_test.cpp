#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/data/data_files.h"

#include "hgnn_moe/data/dataset.h"

namespace hgnn_moe::data {
namespace {

using Samples = std::vector<std::int64_t>;
using testing::counting;

TEST(ChooseSamples, AllOrTheFirstInFileOrder) {
  EXPECT_EQ(choose_samples(5, -1, true, 1, Split::train), (Samples{0, 1, 2, 3, 4}));
  EXPECT_EQ(choose_samples(5, 9, true, 1, Split::train), (Samples{0, 1, 2, 3, 4}));
  EXPECT_EQ(choose_samples(5, 3, false, 1, Split::train), (Samples{0, 1, 2}));
  EXPECT_TRUE(choose_samples(0, -1, true, 1, Split::train).empty());
}

TEST(ChooseSamples, ADistinctSortedSubset) {
  const Samples chosen = choose_samples(1000, 100, true, 42, Split::train);
  EXPECT_EQ(chosen.size(), 100u);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  EXPECT_EQ(std::set<std::int64_t>(chosen.begin(), chosen.end()).size(), 100u);
  EXPECT_GE(chosen.front(), 0);
  EXPECT_LT(chosen.back(), 1000);
  EXPECT_GT(chosen.back(), 500) << "not a shuffle";
}

TEST(ChooseSamples, DependsOnSeedAndSplitAlone) {
  const Samples chosen = choose_samples(1000, 100, true, 42, Split::train);
  EXPECT_EQ(choose_samples(1000, 100, true, 42, Split::train), chosen);
  EXPECT_NE(choose_samples(1000, 100, true, 43, Split::train), chosen);
  EXPECT_NE(choose_samples(1000, 100, true, 42, Split::eval), chosen);
}

TEST(ChooseSamples, AskingForMoreKeepsTheOnesBefore) {
  const Samples few = choose_samples(1000, 100, true, 42, Split::train);
  const Samples more = choose_samples(1000, 300, true, 42, Split::train);
  EXPECT_TRUE(std::includes(more.begin(), more.end(), few.begin(), few.end()));
}

TEST(EpochOrder, IsAPermutationThatDependsOnSeedAndEpoch) {
  const Samples samples = {3, 5, 8, 13, 21, 34, 55, 89, 144, 233};
  const Samples order = epoch_order(samples, true, 42, 0);
  EXPECT_TRUE(std::is_permutation(order.begin(), order.end(), samples.begin(), samples.end()));
  EXPECT_NE(order, samples);
  EXPECT_EQ(epoch_order(samples, true, 42, 0), order);
  EXPECT_NE(epoch_order(samples, true, 42, 1), order);
  EXPECT_NE(epoch_order(samples, true, 43, 0), order);
  EXPECT_EQ(epoch_order(samples, false, 42, 3), samples);
}

// Frozen, and computed by an independent implementation of Philox and of the shuffle: another
// order would break resuming runs begun with an earlier build.
TEST(EpochOrder, Golden) {
  EXPECT_EQ(epoch_order(counting(0, 8), true, 42, 0), (Samples{5, 3, 7, 4, 2, 1, 0, 6}));
  EXPECT_EQ(choose_samples(100, 5, true, 42, Split::train), (Samples{2, 23, 32, 53, 93}));
  EXPECT_EQ(choose_samples(100, 5, true, 42, Split::eval), (Samples{32, 36, 39, 68, 95}));
}

// 24 permutations of 4 samples in 24,000 epochs: each count is 1000 with a deviation of 31.
TEST(EpochOrder, EveryPermutationIsEquallyLikely) {
  std::map<Samples, int> counts;
  for (int epoch = 0; epoch < 24000; ++epoch) ++counts[epoch_order({0, 1, 2, 3}, true, 7, epoch)];
  ASSERT_EQ(counts.size(), 24u);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 160);
}

}  // namespace
}  // namespace hgnn_moe::data
