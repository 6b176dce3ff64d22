#include "hgnn_moe/ops/causal_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::random_tensor;

const at::Tensor kRows = at::arange(2, at::kLong);

std::vector<at::Tensor> make_inputs(at::ScalarType type) {
  std::vector<at::Tensor> inputs;
  for (const int seed : {1, 2, 3}) inputs.push_back(random_tensor({2, 3, 17, 8}, seed).to(type));
  return inputs;
}

TEST(CausalAttention, EqualsTheExplicitForm) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const auto inputs = make_inputs(type);
    const auto fast = [](const std::vector<at::Tensor>& in) {
      return causal_attention(in[0], in[1], in[2], {}, kRows);
    };
    const auto reference = [](const std::vector<at::Tensor>& in) {
      return causal_attention_reference(in[0], in[1], in[2], {}, kRows);
    };
    // Sums over 8 products in a score and 17 positions.
    EXPECT_TRUE(close(fast(inputs), reference(inputs), 25)) << type;
    const at::Tensor cotangent = random_tensor({2, 3, 17, 8}, 4).to(type);
    const auto actual = gradients(fast, inputs, cotangent);
    const auto expected = gradients(reference, inputs, cotangent);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(close(actual[i], expected[i], 50)) << type << ", input " << i;
    }
  }
}

TEST(CausalAttention, LaterPositionsNeverReachEarlierOnes) {
  for (const DropoutStream& stream : {DropoutStream{}, DropoutStream{0.2, dropout_keys({99})}}) {
    auto inputs = make_inputs(at::kFloat);
    const at::Tensor before = causal_attention(inputs[0], inputs[1], inputs[2], stream, kRows);
    for (at::Tensor& input : inputs) input.narrow(2, 9, 8).mul_(-3.0);
    const at::Tensor after = causal_attention(inputs[0], inputs[1], inputs[2], stream, kRows);
    EXPECT_TRUE(at::equal(before.narrow(2, 0, 9), after.narrow(2, 0, 9)));
    EXPECT_FALSE(at::equal(before.narrow(2, 9, 8), after.narrow(2, 9, 8)));
  }
}

TEST(CausalAttention, DropoutActsOnProbabilities) {
  const auto in = make_inputs(at::kDouble);
  const DropoutStream stream{0.5, dropout_keys({7})};
  const at::Tensor kept = counter_dropout(at::ones({2, 3, 17, 17}, at::kDouble), stream, kRows);
  const at::Tensor scores = at::matmul(in[0], in[1].transpose(2, 3)) / std::sqrt(8.0);
  const at::Tensor causal = at::ones({17, 17}, at::kDouble).tril();
  const at::Tensor weights = scores.exp() * causal;
  const at::Tensor expected = at::matmul(weights / weights.sum(-1, true) * kept, in[2]);
  EXPECT_TRUE(close(causal_attention(in[0], in[1], in[2], stream, kRows), expected, 50));
}

}  // namespace
}  // namespace hgnn_moe::ops
