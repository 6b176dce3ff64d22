#include "hgnn_moe/ops/gnn_update.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::matches_finite_differences;
using ::hgnn_moe::testing::random_tensor;

std::vector<at::Tensor> make_inputs(std::int64_t n, std::int64_t e, std::int64_t d,
                                    at::ScalarType type) {
  std::vector<at::Tensor> inputs{random_tensor({n, e, d}, 1), random_tensor({n, e, d}, 2),
                                 random_tensor({d, d}, 3),    random_tensor({d}, 4),
                                 random_tensor({d, d}, 5),    random_tensor({d}, 6)};
  for (at::Tensor& input : inputs) input = input.to(type);
  return inputs;
}

at::Tensor fused(const std::vector<at::Tensor>& in) {
  return gnn_update(in[0], in[1], in[2], in[3], in[4], in[5]);
}

at::Tensor reference(const std::vector<at::Tensor>& in) {
  return gnn_update_reference(in[0], in[1], in[2], in[3], in[4], in[5]);
}

TEST(GnnUpdate, EqualsTheReferenceInEveryGradient) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const std::int64_t n : {0, 1, 37}) {
      const auto inputs = make_inputs(n, 3, 17, type);
      const double terms = static_cast<double>(2 * 17 + 3 * n);
      EXPECT_TRUE(close(fused(inputs), reference(inputs), terms));
      const at::Tensor cotangent = random_tensor({n, 3, 17}, 7).to(type);
      const auto actual = gradients(fused, inputs, cotangent);
      const auto expected = gradients(reference, inputs, cotangent);
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        EXPECT_TRUE(close(actual[i], expected[i], terms)) << "input " << i;
      }
    }
  }
}

TEST(GnnUpdate, GradientsMatchFiniteDifferences) {
  EXPECT_TRUE(matches_finite_differences(fused, make_inputs(2, 3, 4, at::kDouble),
                                         random_tensor({2, 3, 4}, 7)));
}

}  // namespace
}  // namespace hgnn_moe::ops
