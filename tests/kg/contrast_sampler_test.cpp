#include "hgnn_moe/kg/contrast_sampler.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

namespace hgnn_moe::kg {
namespace {

// Node 10 + i, with its partners; nodes without any among them.
using Partners = std::vector<std::vector<std::int32_t>>;

ContrastSampler sampler_of(const Partners& partners, std::int64_t count, std::uint64_t seed = 3) {
  ContrastPairs pairs;
  pairs.offsets = {0};
  for (const auto& list : partners) {
    pairs.partners.insert(pairs.partners.end(), list.begin(), list.end());
    pairs.offsets.push_back(static_cast<std::int64_t>(pairs.partners.size()));
  }
  pairs.similarities.assign(pairs.partners.size(), 0.5f);
  return {pairs, {"disease", 10, static_cast<std::int32_t>(partners.size())}, count, seed};
}

const Partners kPartners = {{13, 12}, {}, {10, 14, 13}, {10}, {12}, {}};

TEST(ContrastSamplerTest, AnchorsHavePartnersOfTheirOwn) {
  const ContrastSampler sampler = sampler_of(kPartners, 3);
  for (std::int64_t step = 0; step < 50; ++step) {
    const ContrastSet set = sampler.draw(step);
    ASSERT_EQ(set.anchors.size(), 3u);
    ASSERT_EQ(set.partners.size(), 3u);
    EXPECT_TRUE(std::is_sorted(set.candidates.begin(), set.candidates.end()));
    std::set<std::int32_t> anchors;
    for (std::size_t a = 0; a < 3; ++a) {
      const std::int32_t anchor = set.candidates.at(set.anchors[a]);
      anchors.insert(anchor);
      const auto& own = kPartners[anchor - 10];
      EXPECT_EQ(std::count(own.begin(), own.end(), set.candidates.at(set.partners[a])), 1);
    }
    EXPECT_EQ(anchors.size(), 3u) << "without replacement";
  }
}

TEST(ContrastSamplerTest, NoPartnerOfAnAnchorIsANegative) {
  const ContrastSampler sampler = sampler_of(kPartners, 4);
  const ContrastSet set = sampler.draw(1);
  ASSERT_EQ(set.candidates, (std::vector<std::int32_t>{10, 12, 13, 14}));
  ASSERT_EQ(set.anchors, (std::vector<std::int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(set.related, (std::vector<std::uint8_t>{1, 1, 1, 0,  //
                                                    1, 1, 1, 1,  //
                                                    1, 0, 1, 0,  //
                                                    0, 1, 0, 1}));
}

TEST(ContrastSamplerTest, EveryAnchorAndPartnerIsEquallyLikely) {
  const ContrastSampler sampler = sampler_of(kPartners, 1);
  std::map<std::int32_t, int> anchors, partners_of_12;
  for (std::int64_t step = 0; step < 6000; ++step) {
    const ContrastSet set = sampler.draw(step);
    const std::int32_t anchor = set.candidates.at(set.anchors[0]);
    ++anchors[anchor];
    if (anchor == 12) ++partners_of_12[set.candidates.at(set.partners[0])];
  }
  EXPECT_EQ(anchors.size(), 4u);
  EXPECT_LT(testing::chi_square(anchors), testing::chi_square_bound(4));
  EXPECT_EQ(partners_of_12.size(), 3u);
  EXPECT_LT(testing::chi_square(partners_of_12), testing::chi_square_bound(3));
}

TEST(ContrastSamplerTest, DependsOnSeedAndStep) {
  Partners ring;
  for (std::int32_t i = 0; i < 200; ++i) ring.push_back({10 + (i + 1) % 200, 10 + (i + 7) % 200});
  const ContrastSet set = sampler_of(ring, 20).draw(4);
  EXPECT_EQ(sampler_of(ring, 20).draw(4).candidates, set.candidates);
  EXPECT_NE(sampler_of(ring, 20).draw(5).candidates, set.candidates);
  EXPECT_NE(sampler_of(ring, 20, 4).draw(4).candidates, set.candidates);
}

TEST(ContrastSamplerTest, IsEmptyWithoutPartners) {
  const ContrastSet set = sampler_of({{}, {}}, 5).draw(0);
  EXPECT_TRUE(set.candidates.empty());
  EXPECT_TRUE(set.anchors.empty());
}

}  // namespace
}  // namespace hgnn_moe::kg
