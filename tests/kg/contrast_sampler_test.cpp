#include "hgnn_moe/kg/contrast_sampler.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

namespace hgnn_moe::kg {
namespace {

constexpr std::int32_t kFirst = 10;  // disease
constexpr std::int64_t kAll = 64;
using Pairs = std::vector<std::pair<std::int32_t, std::int32_t>>;

// Diseases kFirst + i, of which those of each pair share a gene that no other has.
ContrastSampler sampler_of(std::int32_t diseases, const Pairs& pairs, std::int64_t count,
                           std::uint64_t seed = 3, std::int64_t nearest = kAll) {
  const std::int32_t genes = kFirst + diseases;
  std::vector<Edge> edges;
  for (const auto& [a, b] : pairs) {
    const auto gene = genes + static_cast<std::int32_t>(edges.size() / 2);
    edges.push_back({a, gene});
    edges.push_back({b, gene});
  }
  const Graph graph = testing::make_graph(
      {{"drug", kFirst}, {"disease", diseases}, {"gene", static_cast<std::int32_t>(pairs.size())}},
      {{1, "has", 2, Direction::directed, edges}});
  return {ContrastPairs(graph, {1, {0}, 0.1}), nearest, count, seed};
}

// 11 and 15 have no partner. 12 has as many genes as partners, so 14, which has no other gene than
// theirs, is the most similar to it.
const Pairs kPairs = {{10, 12}, {10, 13}, {12, 13}, {12, 14}};

ContrastSampler small_sampler(std::int64_t count, std::int64_t nearest = kAll) {
  return sampler_of(6, kPairs, count, 3, nearest);
}

bool are_partners(std::int32_t a, std::int32_t b) {
  return std::count(kPairs.begin(), kPairs.end(), std::pair(std::min(a, b), std::max(a, b))) > 0;
}

TEST(ContrastSamplerTest, AnchorsHavePartnersOfTheirOwn) {
  const ContrastSampler sampler = small_sampler(3);
  for (std::int64_t step = 0; step < 50; ++step) {
    const ContrastSet set = sampler.draw(step);
    ASSERT_EQ(set.anchors.size(), 3u);
    ASSERT_EQ(set.partners.size(), 3u);
    EXPECT_TRUE(std::is_sorted(set.candidates.begin(), set.candidates.end()));
    std::set<std::int32_t> anchors;
    for (std::size_t a = 0; a < 3; ++a) {
      const std::int32_t anchor = set.candidates.at(set.anchors[a]);
      anchors.insert(anchor);
      EXPECT_TRUE(are_partners(anchor, set.candidates.at(set.partners[a])));
    }
    EXPECT_EQ(anchors.size(), 3u) << "without replacement";
  }
}

TEST(ContrastSamplerTest, NoPartnerOfAnAnchorIsANegative) {
  // Also those that are too far down its list to be drawn, and those that list it.
  for (const std::int64_t nearest : {kAll, std::int64_t{1}}) {
    const ContrastSet set = small_sampler(4, nearest).draw(1);
    ASSERT_EQ(set.candidates, (std::vector<std::int32_t>{10, 12, 13, 14}));
    ASSERT_EQ(set.anchors, (std::vector<std::int32_t>{0, 1, 2, 3}));
    EXPECT_EQ(set.related, (std::vector<std::uint8_t>{1, 1, 1, 0,  //
                                                      1, 1, 1, 1,  //
                                                      1, 1, 1, 0,  //
                                                      0, 1, 0, 1}));
  }
}

TEST(ContrastSamplerTest, OnlyTheNearestAreDrawn) {
  const ContrastSampler sampler = small_sampler(1, 1);
  for (std::int64_t step = 0; step < 100; ++step) {
    const ContrastSet set = sampler.draw(step);
    if (set.candidates.at(set.anchors[0]) != 12) continue;
    EXPECT_EQ(set.candidates.at(set.partners[0]), 14);
  }
}

TEST(ContrastSamplerTest, EveryAnchorAndPartnerIsEquallyLikely) {
  const ContrastSampler sampler = small_sampler(1);
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
  Pairs ring;
  for (std::int32_t i = 0; i < 200; ++i) {
    ring.emplace_back(kFirst + i, kFirst + (i + 1) % 200);
    ring.emplace_back(kFirst + i, kFirst + (i + 7) % 200);
  }
  const ContrastSet set = sampler_of(200, ring, 20).draw(4);
  EXPECT_EQ(set.anchors.size(), 20u);
  EXPECT_EQ(sampler_of(200, ring, 20).draw(4).candidates, set.candidates);
  EXPECT_NE(sampler_of(200, ring, 20).draw(5).candidates, set.candidates);
  EXPECT_NE(sampler_of(200, ring, 20, 4).draw(4).candidates, set.candidates);
}

TEST(ContrastSamplerTest, IsEmptyWithoutPartners) {
  const ContrastSet set = sampler_of(2, {}, 5).draw(0);
  EXPECT_TRUE(set.candidates.empty());
  EXPECT_TRUE(set.anchors.empty());
}

}  // namespace
}  // namespace hgnn_moe::kg
