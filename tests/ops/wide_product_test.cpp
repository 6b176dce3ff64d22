#include "src/ops/wide_product.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::random_tensor;

at::Tensor exact(const at::Tensor& x) { return x.to(at::kDouble); }

TEST(WideProduct, IsTheProductInTheTypeOfSums) {
  for (const auto& [factors, type] : {std::pair{at::kDouble, at::kDouble},
                                      {at::kFloat, at::kFloat},
                                      {at::kBFloat16, at::kFloat}}) {
    SCOPED_TRACE(::testing::Message() << factors);
    const at::Tensor a = random_tensor({2, 9, 5}, 1).to(factors);
    const at::Tensor b = random_tensor({2, 5, 7}, 2).to(factors);
    // Rounded once to the factors' type on a CPU; bfloat16's epsilon is 65536 times float32's.
    const double terms = factors == at::kBFloat16 ? 65536 : 5;
    const at::Tensor batched = wide_bmm(a, b, type), single = wide_mm(a[0], b[0], type);
    EXPECT_EQ(batched.scalar_type(), type);
    EXPECT_EQ(single.scalar_type(), type);
    EXPECT_TRUE(close(batched, at::bmm(exact(a), exact(b)), terms));
    EXPECT_TRUE(close(single, at::mm(exact(a[0]), exact(b[0])), terms));
    at::Tensor sum = random_tensor({9, 7}, 3).to(type);
    const at::Tensor expected = exact(sum) - 0.5 * at::mm(exact(a[1]), exact(b[1]));
    add_wide_mm(sum, a[1], b[1], -0.5);
    EXPECT_TRUE(close(sum, expected, terms));
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
