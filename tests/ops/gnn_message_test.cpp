#include "hgnn_moe/ops/gnn_message.h"

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
  std::vector<at::Tensor> inputs{random_tensor({n, e, d}, 1), random_tensor({1, 2 * d}, 2),
                                 random_tensor({1}, 3), random_tensor({e, e}, 4)};
  for (at::Tensor& input : inputs) input = input.to(type);
  return inputs;
}

at::Tensor batched(const std::vector<at::Tensor>& in) {
  return gnn_message(in[0], in[1], in[2], in[3]);
}

at::Tensor sequential(const std::vector<at::Tensor>& in) {
  return gnn_message_reference(in[0], in[1], in[2], in[3]);
}

class GnnMessageByExperts : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(GnnMessageByExperts, BatchedEqualsSequential) {
  const std::int64_t e = GetParam(), n = 3, d = 5;
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const auto inputs = make_inputs(n, e, d, type);
    // Sums over 2 D products in a score, E in a message, N E E in a gradient.
    const double terms = static_cast<double>(2 * d + n * e * e);
    EXPECT_TRUE(close(batched(inputs), sequential(inputs), terms)) << type;
    const at::Tensor cotangent = random_tensor({n, e, d}, 5).to(type);
    const auto actual = gradients(batched, inputs, cotangent);
    const auto expected = gradients(sequential, inputs, cotangent);
    const char* names[] = {"x", "message_weight", "message_bias", "adjacency_logits"};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_TRUE(close(actual[i], expected[i], terms)) << type << ", gradient of " << names[i];
    }
  }
}

// Few experts: an objective is computed twice for each element of every input.
class GnnMessageFiniteDifferences : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(GnnMessageFiniteDifferences, MatchTheGradients) {
  const std::int64_t e = GetParam();
  EXPECT_TRUE(matches_finite_differences(batched, make_inputs(2, e, 3, at::kDouble),
                                         random_tensor({2, e, 3}, 5)));
}

INSTANTIATE_TEST_SUITE_P(Experts, GnnMessageByExperts,
                         ::testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 16));
INSTANTIATE_TEST_SUITE_P(Experts, GnnMessageFiniteDifferences, ::testing::Values(1, 2, 3, 4, 5));

TEST(GnnMessage, AnExpertDoesNotHearItself) {
  const auto in = make_inputs(4, 6, 3, at::kDouble);
  const at::Tensor k_NEE = gnn_message_matrix(in[0], in[1], in[2], in[3]);
  EXPECT_EQ(k_NEE.diagonal(0, 1, 2).abs().max().item<double>(), 0.0);
  EXPECT_GT(k_NEE.sum().item<double>(), 0.0);
}

TEST(GnnMessage, OneExpertHearsNothing) {
  EXPECT_EQ(batched(make_inputs(4, 1, 3, at::kDouble)).abs().max().item<double>(), 0.0);
}

}  // namespace
}  // namespace hgnn_moe::ops
