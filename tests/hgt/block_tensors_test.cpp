#include "hgnn_moe/hgt/block_tensors.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "hgt_support.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {
namespace {

Schema two_types() { return {{{"a", 0, 10}, {"b", 10, 10}}, {"a__r__b", "b__s__a"}}; }

at::Tensor numbers(std::vector<std::int64_t> values) { return at::tensor(values, at::kLong); }

// Sources 3, 5, 9 of a and 10, 14 of b; destinations 5, 9, 14; an edge 3 -> 14, two into 5.
kg::Block small_block() {
  return {{3, 5, 9, 10, 14}, {1, 2, 4}, {{0, {0}, {2}}, {1, {3, 4}, {0, 0}}}};
}

TEST(BlockTensors, ListNodesByTypeAndProjectThoseWithEdgesAlone) {
  const BlockTensors tensors = make_block_tensors(small_block(), two_types(), at::kCPU);
  ASSERT_EQ(tensors.types.size(), 2u);
  const TypeNodes &a = tensors.types[0], &b = tensors.types[1];
  EXPECT_EQ(a.num_sources, 3);
  EXPECT_EQ(b.num_sources, 2);
  EXPECT_EQ(a.num_destinations, 2);
  EXPECT_EQ(b.num_destinations, 1);
  EXPECT_EQ(tensors.num_destinations(), 3);
  EXPECT_TRUE(at::equal(a.heads, numbers({0})));
  EXPECT_TRUE(at::equal(b.heads, numbers({0, 1})));
  EXPECT_TRUE(at::equal(a.tails, numbers({1})));
  EXPECT_TRUE(at::equal(a.tail_destinations, numbers({0})));
  EXPECT_TRUE(at::equal(b.tails, numbers({1})));
  EXPECT_TRUE(at::equal(b.tail_destinations, numbers({0})));
  EXPECT_TRUE(at::equal(a.destinations, numbers({1, 2})));
  EXPECT_TRUE(at::equal(b.destinations, numbers({1})));
  EXPECT_TRUE(at::equal(a.destination_nodes, numbers({5, 9})));
  EXPECT_TRUE(at::equal(b.destination_nodes, numbers({14})));
  EXPECT_EQ(tensors.edges.num_sources, 3);       // heads 3; 10, 14
  EXPECT_EQ(tensors.edges.num_destinations, 2);  // tails 5; 14
  ASSERT_EQ(tensors.edges.relations.size(), 2u);
  const auto to = ops::destinations_of(tensors.edges, tensors.edges.relations[1]);
  EXPECT_EQ(to.count, 1);
  EXPECT_EQ(to.rows[0], 0);
  const auto from = ops::sources_of(tensors.edges, tensors.edges.relations[1]);
  ASSERT_EQ(from.count, 2);
  EXPECT_EQ(from.rows[0], 1);
  EXPECT_EQ(from.rows[1], 2);
}

TEST(BlockTensors, RefuseBlocksOfAnotherGraph) {
  const auto refused = [](auto change) {
    kg::Block block = small_block();
    change(block);
    EXPECT_THROW(make_block_tensors(block, two_types(), at::kCPU), InternalError);
  };
  refused([](kg::Block& block) { block.sources.back() = 20; });
  refused([](kg::Block& block) { block.sources.front() = -1; });
  refused([](kg::Block& block) { std::swap(block.sources[0], block.sources[1]); });
  refused([](kg::Block& block) { block.destinations.back() = 5; });
  refused([](kg::Block& block) { block.relations[0].heads[0] = 5; });
  refused([](kg::Block& block) { block.relations[0].tails[0] = 3; });
  refused([](kg::Block& block) { block.relations[1].relation = 2; });
}

TEST(Schema, NamesRelationsAsTorchGeometricDoes) {
  const Schema schema = schema_of(hgnn_moe::testing::small_graph());
  EXPECT_EQ(schema.num_nodes(), 40);
  EXPECT_EQ(schema.relations[0], "drug__targets__gene/protein");
  EXPECT_EQ(schema.relations[5], "side effect__of__drug");
}

}  // namespace
}  // namespace hgnn_moe::hgt
