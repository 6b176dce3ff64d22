#include "hgnn_moe/ops/copy_together.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace hgnn_moe::ops {
namespace {

TEST(CopyTogether, GivesATensorForEachList) {
  const std::vector<std::int64_t> some{5, 6, 7}, none, one{-8};
  const std::vector<at::Tensor> tensors = copy_together({some, none, one}, at::kCPU);
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_TRUE(at::equal(tensors[0], at::tensor({5, 6, 7}, at::kLong)));
  EXPECT_EQ(tensors[1].sizes(), at::IntArrayRef({0}));
  EXPECT_TRUE(at::equal(tensors[2], at::tensor({-8}, at::kLong)));
  EXPECT_TRUE(tensors[0].is_alias_of(tensors[2])) << "not one piece of memory";
}

}  // namespace
}  // namespace hgnn_moe::ops
