#include "hgnn_moe/ops/gnn_message.h"

#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/ops/gnn_message_kernels.h"
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

// Every instruction set against plain operations in float64 on the values that x holds.
class GnnMessageByIsa : public ::testing::TestWithParam<CpuIsa> {};

TEST_P(GnnMessageByIsa, KernelEqualsPlainOperationsInFloat64) {
  const std::int64_t sizes[][3] = {{0, 3, 8},    {1, 1, 1},   {1, 4, 384}, {3, 3, 7},    {7, 8, 64},
                                   {2, 5, 1000}, {2, 32, 33}, {1, 64, 17}, {70001, 2, 3}};
  for (const auto& [n, e, d] : sizes) {
    for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
      SCOPED_TRACE(::testing::Message() << n << " x " << e << " x " << d << ", " << type);
      auto in = make_inputs(n, e, d, type);
      const auto weights = type == at::kDouble ? at::kDouble : at::kFloat;
      const double scale = 1.0 / std::sqrt(static_cast<double>(d));  // scores of size 1
      const GnnMessageInputs inputs{in[0], (in[1].view({2, d}) * scale).to(weights),
                                    in[2].to(weights), at::sigmoid(in[3]).to(weights)};
      std::vector<at::Tensor> exact{inputs.x_NED, inputs.message_weight_2D, inputs.message_bias,
                                    inputs.adjacency_EE};
      for (at::Tensor& tensor : exact) tensor = tensor.to(at::kDouble);
      const auto plain = [](const std::vector<at::Tensor>& v) {
        const at::Tensor scores = at::linear(v[0], v[1]);
        const at::Tensor gate =
            at::sigmoid(scores.narrow(2, 0, 1) + scores.narrow(2, 1, 1).transpose(1, 2) + v[2]);
        const at::Tensor off_diagonal = 1 - at::eye(v[3].size(0), v[3].options());
        return at::bmm(gate * (v[3] * off_diagonal), v[0]);
      };
      at::Tensor out = at::empty_like(inputs.x_NED);
      gnn_message_cpu(GetParam(), inputs, out);
      const auto terms = static_cast<double>(d + e);
      // Sums are in float32, so a bfloat16 result is rounded once.
      const bool bf16 = type == at::kBFloat16;
      EXPECT_TRUE(close(out, plain(exact), bf16 ? 1 : terms));

      const at::Tensor d_out = random_tensor({n, e, d}, 5).to(type);
      const GnnMessageInputs actual = gnn_message_gradient_cpu(GetParam(), inputs, d_out);
      const auto expected = gradients(plain, exact, d_out.to(at::kDouble));
      EXPECT_TRUE(close(actual.x_NED, expected[0], bf16 ? 1 : 4 * terms));
      const double all_terms = terms * static_cast<double>(n * e + 1);
      EXPECT_TRUE(close(actual.message_weight_2D, expected[1], all_terms));
      EXPECT_TRUE(close(actual.message_bias, expected[2], all_terms));
      EXPECT_TRUE(close(actual.adjacency_EE, expected[3], all_terms));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, GnnMessageByIsa, ::testing::ValuesIn(available_cpu_isas()));

TEST(GnnMessage, NotANumberStaysInItsToken) {
  auto in = make_inputs(5, 4, 9, at::kFloat);
  in[0][2].fill_(std::numeric_limits<double>::quiet_NaN());
  const at::Tensor out = batched(in);
  const at::Tensor d_x = gradients(batched, in, at::ones_like(out))[0];
  for (std::int64_t n = 0; n < 5; ++n) {
    EXPECT_EQ(out[n].isnan().any().item<bool>(), n == 2) << n;
    EXPECT_EQ(d_x[n].isnan().any().item<bool>(), n == 2) << n;
  }
}

TEST(GnnMessage, TenRunsGiveTheSameBits) {
  const auto in = make_inputs(3000, 4, 40, at::kFloat);
  const at::Tensor cotangent = random_tensor({3000, 4, 40}, 5).to(at::kFloat);
  const auto first = gradients(batched, in, cotangent);
  for (int run = 1; run < 10; ++run) {
    const auto again = gradients(batched, in, cotangent);
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(again[i], first[i])) << i;
  }
}

TEST(GnnMessage, OneExpertHearsNothing) {
  EXPECT_EQ(batched(make_inputs(4, 1, 3, at::kDouble)).abs().max().item<double>(), 0.0);
}

}  // namespace
}  // namespace hgnn_moe::ops
