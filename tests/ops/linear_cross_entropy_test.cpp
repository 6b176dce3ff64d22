#include "hgnn_moe/ops/linear_cross_entropy.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::matches_finite_differences;
using ::hgnn_moe::testing::random_tensor;

std::vector<at::Tensor> make_inputs(std::int64_t rows, std::int64_t dim, std::int64_t vocabulary,
                                    at::ScalarType type) {
  return {random_tensor({rows, dim}, 1).to(type), random_tensor({vocabulary, dim}, 2).to(type),
          random_tensor({vocabulary}, 3).to(type)};
}

at::Tensor make_targets(std::int64_t rows, std::int64_t vocabulary) {
  return at::arange(rows, at::kLong).mul(7).add(3).remainder(vocabulary);
}

// So that 37 rows of 11 logits take several chunks, the last of them shorter.
constexpr std::int64_t kFewBytes = 500;

LinearCrossEntropyInputs bundle(const std::vector<at::Tensor>& in,
                                at::ScalarType products = at::ScalarType::Undefined) {
  return {in[0],
          in[1],
          in[2],
          make_targets(in[0].size(0), in[1].size(0)),
          products == at::ScalarType::Undefined ? in[0].scalar_type() : products,
          kFewBytes};
}

struct Size {
  std::int64_t rows, dim, vocabulary;
};
const Size kSizes[] = {{1, 5, 3}, {37, 16, 11}, {6, 4, 1001}};

TEST(LinearCrossEntropy, ChunksAreEvenAndWithinTheLimit) {
  EXPECT_EQ(logit_rows(1016, 4 * 50257, 192 << 20), 508) << "two halves rather than 1001 and 15";
  EXPECT_EQ(logit_rows(100, 4 * 50257, 192 << 20), 100);
  EXPECT_EQ(logit_rows(10, 1000, 999), 1) << "a row is never split";
  EXPECT_EQ(logit_rows(0, 1000, 999), 1);
  EXPECT_EQ(logit_rows(37, 44, kFewBytes), 10);
}

TEST(LinearCrossEntropy, EqualsTheReferenceInEveryGradient) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const Size& size : kSizes) {
      const auto inputs = make_inputs(size.rows, size.dim, size.vocabulary, type);
      const double scale = 0.125;
      const auto ours = [&](const std::vector<at::Tensor>& in) {
        return linear_cross_entropy(bundle(in), scale);
      };
      const auto reference = [&](const std::vector<at::Tensor>& in) {
        return linear_cross_entropy_reference(bundle(in), scale);
      };
      const double terms = static_cast<double>(size.rows + size.dim);
      EXPECT_TRUE(close(ours(inputs), reference(inputs), terms));
      const at::Tensor cotangent = at::full({}, 3.0, type);  // also where it is not one
      const auto actual = gradients(ours, inputs, cotangent);
      const auto expected = gradients(reference, inputs, cotangent);
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        EXPECT_TRUE(close(actual[i], expected[i], 10 * terms)) << type << ", input " << i;
      }
    }
  }
}

TEST(LinearCrossEntropy, LossesAreThoseOfEachRow) {
  for (const Size& size : kSizes) {
    const auto inputs = make_inputs(size.rows, size.dim, size.vocabulary, at::kFloat);
    const at::Tensor expected =
        at::cross_entropy_loss(at::linear(inputs[0], inputs[1], inputs[2]),
                               bundle(inputs).targets_K, {}, at::Reduction::None);
    EXPECT_TRUE(close(linear_cross_entropy_losses(bundle(inputs)), expected,
                      static_cast<double>(size.dim)));
  }
}

TEST(LinearCrossEntropy, GradientsMatchFiniteDifferences) {
  EXPECT_TRUE(matches_finite_differences(
      [](const std::vector<at::Tensor>& in) { return linear_cross_entropy(bundle(in), 0.5); },
      make_inputs(4, 3, 5, at::kDouble), at::ones({}, at::kDouble)));
}

// Products alone are bfloat16: the loss of equal logits stays exact.
TEST(LinearCrossEntropy, Bfloat16ProductsStayNear) {
  const auto inputs = make_inputs(50, 32, 70, at::kFloat);
  const auto run = [](at::ScalarType products) {
    return [products](const std::vector<at::Tensor>& in) {
      return linear_cross_entropy(bundle(in, products), 1.0 / 50);
    };
  };
  const at::Tensor loss = run(at::kBFloat16)(inputs);
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  EXPECT_NEAR(loss.item<double>(), run(at::kFloat)(inputs).item<double>(), 2e-2);
  const at::Tensor one = at::ones({}, at::kFloat);
  const auto actual = gradients(run(at::kBFloat16), inputs, one);
  const auto expected = gradients(run(at::kFloat), inputs, one);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const double error = (actual[i] - expected[i]).norm().item<double>();
    EXPECT_LT(error, 2e-2 * expected[i].norm().item<double>()) << "input " << i;
  }
  const std::vector<at::Tensor> zeros{at::zeros({3, 4}), at::zeros({8, 4}), at::zeros({8})};
  EXPECT_FLOAT_EQ(run(at::kBFloat16)(zeros).item<float>() * 50, 3 * std::log(8.0F));
}

TEST(LinearCrossEntropy, NoRowsHaveNoLoss) {
  const auto inputs = make_inputs(0, 4, 6, at::kFloat);
  EXPECT_EQ(linear_cross_entropy(bundle(inputs), 1.0).item<double>(), 0.0);
  EXPECT_EQ(linear_cross_entropy_losses(bundle(inputs)).numel(), 0);
}

}  // namespace
}  // namespace hgnn_moe::ops
