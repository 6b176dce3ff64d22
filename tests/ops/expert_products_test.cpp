#include "src/ops/expert_products.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::random_tensor;

// One product for all experts, as on a GPU, is those of the experts.
TEST(ExpertProducts, BatchedOnesEqualThoseOfEachExpert) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    for (const auto& [n, e, in, out] : {std::tuple{7, 3, 5, 4}, {1, 1, 8, 2}, {20, 2, 16, 64}}) {
      SCOPED_TRACE(::testing::Message() << type << ", E " << e);
      const at::Tensor x_NEI = random_tensor({n, e, in}, 1).to(type);
      const at::Tensor weight_EOI = random_tensor({e, out, in}, 2).to(type);
      const at::Tensor d_y_NEO = random_tensor({n, e, out}, 3).to(type);
      const auto exact = [](const at::Tensor& x) { return x.to(at::kDouble); };
      EXPECT_TRUE(close(batched_expert_products(x_NEI, weight_EOI.transpose(1, 2)),
                        expert_products(exact(x_NEI), exact(weight_EOI)), in));
      EXPECT_TRUE(close(batched_expert_products(d_y_NEO, weight_EOI),
                        expert_products_input_gradient(exact(d_y_NEO), exact(weight_EOI)), out));
      EXPECT_TRUE(close(batched_expert_weight_gradient(d_y_NEO, x_NEI, type),
                        expert_products_weight_gradient(exact(d_y_NEO), exact(x_NEI), at::kDouble),
                        n));
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
