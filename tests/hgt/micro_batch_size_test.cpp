#include "hgnn_moe/hgt/micro_batch_size.h"

#include <gtest/gtest.h>

#include "memory_support.h"

namespace hgnn_moe::hgt {
namespace {

using testing::graph_data;
using testing::small_config;

TEST(MicroBatchSizeTest, CountsABlock) {
  const std::vector<kg::NodeType> types = {{"a", 0, 10}, {"b", 10, 10}};
  kg::Block block;
  block.sources = {1, 3, 5, 10, 12};  // three of a, two of b
  block.destinations = {0, 2, 3, 4};  // 1, 5, 10, 12
  block.relations = {{0, {0, 1, 2}, {2, 2, 3}}, {3, {0, 4}, {1, 1}}};
  const BlockSize size = size_of(block, types);
  EXPECT_EQ(size.sources, 5);
  EXPECT_EQ(size.destinations, 4);
  EXPECT_EQ(size.edges, 5);
  EXPECT_EQ(size.heads, 4) << "1, 3, 5 and 12";
  EXPECT_EQ(size.tails, 3) << "5, 10 and 12";
  EXPECT_EQ(size.copied_heads, 1) << "all of a leave, of b one of two";
  EXPECT_EQ(size.copied_tails, 1) << "of a one of three, of b both";
  EXPECT_EQ(size.copied_destinations, 2) << "of a two of three";
}

TEST(MicroBatchSizeTest, SamplesWhatIsTrainedOn) {
  const GraphData data = graph_data();
  HgtConfig config = small_config();
  const MicroBatchSize four = sampled_size(config, data, 2);
  config.accumulation_steps = 1;
  const MicroBatchSize one = sampled_size(config, data, 2);
  ASSERT_EQ(one.layers.size(), 2u);
  EXPECT_EQ(one.asked, 2 * config.batch_size);
  EXPECT_EQ(four.asked, one.asked / 4);
  EXPECT_GT(four.candidates, one.candidates / 4) << "negatives are those of the step";
  EXPECT_LT(four.layers[0].sources, one.layers[0].sources);
  EXPECT_LE(one.layers[1].sources, one.layers[0].destinations);
  EXPECT_EQ(one.layers[1].destinations, one.nodes);
  EXPECT_LE(one.layers[0].edges, 3 * 14 * one.layers[0].destinations);
  config.messages = HgtMessages::none;
  EXPECT_TRUE(sampled_size(config, data, 1).layers.empty());
}

TEST(MicroBatchSizeTest, TheLargestOfEachNumber) {
  MicroBatchSize a, b;
  a.layers.resize(1);
  a.layers[0].sources = 7;
  a.layers[0].edges = 1;
  a.scores = 3;
  b.layers.resize(2);
  b.layers[0].edges = 9;
  b.layers[1].tails = 2;
  b.nodes = 4;
  const MicroBatchSize both = largest(a, b);
  ASSERT_EQ(both.layers.size(), 2u);
  EXPECT_EQ(both.layers[0].sources, 7);
  EXPECT_EQ(both.layers[0].edges, 9);
  EXPECT_EQ(both.layers[1].tails, 2);
  EXPECT_EQ(both.scores, 3);
  EXPECT_EQ(both.nodes, 4);
}

}  // namespace
}  // namespace hgnn_moe::hgt
