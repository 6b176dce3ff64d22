#include "hgnn_moe/ops/linear_cross_entropy.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include "src/ops/cross_entropy_launch.h"
#include "src/ops/cross_entropy_pass.h"
#include "src/ops/cross_entropy_rows.h"
#include "tests/ops/host_launcher.h"
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

LinearCrossEntropyInputs with_weights(LinearCrossEntropyInputs in, const at::Tensor& weights_K) {
  in.weights_K = weights_K;
  return in;
}

TEST(LinearCrossEntropy, WeightsScaleRowsAndTheirGradients) {
  const auto inputs = make_inputs(37, 16, 11, at::kDouble);
  const at::Tensor weights_K = random_tensor({37}, 4);
  const auto ours = [&](const std::vector<at::Tensor>& in) {
    return linear_cross_entropy(with_weights(bundle(in), weights_K), 0.5);
  };
  const auto reference = [&](const std::vector<at::Tensor>& in) {
    return linear_cross_entropy_reference(with_weights(bundle(in), weights_K), 0.5);
  };
  EXPECT_TRUE(close(ours(inputs), reference(inputs), 50));
  const auto actual = gradients(ours, inputs, at::ones({}, at::kDouble));
  const auto expected = gradients(reference, inputs, at::ones({}, at::kDouble));
  for (std::size_t i = 0; i < inputs.size(); ++i)
    EXPECT_TRUE(close(actual[i], expected[i], 500)) << i;
}

// Whatever stands in them, to the last bit: padding up to a fixed number of rows.
TEST(LinearCrossEntropy, RowsOfWeightZeroAddExactlyNothing) {
  for (const at::ScalarType products : {at::kFloat, at::kBFloat16}) {
    const auto inputs = make_inputs(37, 16, 11, at::kFloat);
    const at::Tensor weights_K = at::arange(37, at::kLong).remainder(3).ne(0).to(at::kFloat);
    auto changed = inputs;
    changed[0] = at::where(weights_K.unsqueeze(1).eq(0), inputs[0] * -3.0 + 1.0, inputs[0]);
    const auto loss = [&](const std::vector<at::Tensor>& in) {
      return linear_cross_entropy(with_weights(bundle(in, products), weights_K), 0.5);
    };
    EXPECT_TRUE(at::equal(loss(inputs), loss(changed)));
    const auto before = gradients(loss, inputs, at::ones({}, at::kFloat));
    const auto after = gradients(loss, changed, at::ones({}, at::kFloat));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_TRUE(at::equal(before[i], after[i])) << products << ", input " << i;
    }
    const at::Tensor padded_rows = weights_K.eq(0).nonzero().squeeze(1);
    EXPECT_TRUE(after[0].index_select(0, padded_rows).eq(0).all().item<bool>());
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

// What a GPU does: the logits' gradient over the logits themselves.
TEST(LinearCrossEntropy, ByRowsItIsTheSame) {
  for (const bool weighted : {false, true}) {
    for (const at::ScalarType products : {at::kDouble, at::kFloat, at::kBFloat16}) {
      SCOPED_TRACE(::testing::Message() << products << ", weighted " << weighted);
      const at::ScalarType type = products == at::kDouble ? at::kDouble : at::kFloat;
      const auto inputs = make_inputs(37, 16, 11, type);
      const at::Tensor weights_K = random_tensor({37}, 4).to(type);
      auto in = with_weights(bundle(inputs, products), weighted ? weights_K : at::Tensor());
      // So that four chunks are made.
      in.logit_bytes =
          10 * logit_stride(11) * static_cast<std::int64_t>(c10::elementSize(products));
      const CrossEntropyPass pass = cross_entropy_by_rows(in, 0.5, /*gradients=*/true);
      std::vector<at::Tensor> exact;
      for (const at::Tensor& input : inputs) exact.push_back(input.to(at::kDouble));
      const at::Tensor exact_weights_K = weighted ? weights_K.to(at::kDouble) : at::Tensor();
      const auto reference = [&](const std::vector<at::Tensor>& v) {
        return linear_cross_entropy_reference(with_weights(bundle(v), exact_weights_K), 0.5);
      };
      const auto expected = gradients(reference, exact, at::ones({}, at::kDouble));
      // Sums of K rounded terms; bfloat16's epsilon is 65536 times that of float32.
      const double terms = products == at::kBFloat16 ? 5e5 : 500;
      EXPECT_TRUE(close(pass.losses_K.sum() * 0.5, reference(exact), terms));
      EXPECT_TRUE(close(pass.d_hidden_KD, expected[0], terms));
      EXPECT_TRUE(close(pass.d_weight_VD, expected[1], terms));
      EXPECT_TRUE(close(pass.d_bias_V, expected[2], terms));
    }
  }
}

TEST(LinearCrossEntropy, RowsOfLogitsAreAligned) {
  EXPECT_EQ(logit_stride(50257), 50304);
  EXPECT_EQ(logit_stride(64), 64);
  EXPECT_EQ(logit_stride(1), 64);
}

// Chunks are as large as the products' type allows: of bfloat16 half as many as of float32.
TEST(LinearCrossEntropy, ByRowsLogitsTakeTheBytesThatTheyMay) {
  struct Counter {
    std::int64_t calls = 0;
    static Counter& get() {
      static Counter counter;
      return counter;
    }
  };
  const auto start = [](const at::RecordFunction& function) {
    Counter::get().calls += std::string(function.name()) == "hgnn_moe::cross_entropy_rows";
    return std::unique_ptr<at::ObserverContext>();
  };
  const auto chunks = [&](at::ScalarType products) {
    auto in = bundle(make_inputs(64, 16, 64, at::kFloat), products);
    in.logit_bytes = 16 * 64 * 4;
    Counter::get().calls = 0;
    cross_entropy_by_rows(in, 1.0, /*gradients=*/false);
    return Counter::get().calls;
  };
  const auto handle = at::addThreadLocalCallback(at::RecordFunctionCallback(start));
  EXPECT_EQ(chunks(at::kFloat), 4);
  EXPECT_EQ(chunks(at::kBFloat16), 2);
  at::removeCallback(handle);
}

// Rows side by side, and apart, where packs end behind the vocabulary: what stands there counts
// for nothing.
TEST(LinearCrossEntropy, TheBodyOfItsRowsEqualsPlainAten) {
  for (const auto& [vocabulary, stride] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 1}, {7, 7}, {64, 64}, {1003, 1003}, {1, 64}, {7, 8}, {66, 128}, {1003, 1024}}) {
    for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
      for (const bool gradient : {false, true}) {
        SCOPED_TRACE(::testing::Message()
                     << "V " << vocabulary << " of " << stride << ", " << type << ", " << gradient);
        const at::ScalarType state = type == at::kDouble ? at::kDouble : at::kFloat;
        const at::Tensor products = (4 * random_tensor({5, vocabulary}, 1)).to(type);
        const at::Tensor bias = random_tensor({vocabulary}, 2).to(state);
        const at::Tensor weights = at::tensor({1.0, 0.0, 2.0, 1.0, 0.5}).to(state);
        const at::Tensor targets = make_targets(5, vocabulary);
        at::Tensor expected = products.to(at::kDouble, /*non_blocking=*/false, /*copy=*/true),
                   expected_losses = at::empty({5}, at::kDouble);
        cross_entropy_rows_aten(expected, bias.to(at::kDouble), targets, weights.to(at::kDouble),
                                gradient, expected_losses);
        for (const cuda::ThreadOrder order : kThreadOrders) {
          HostLauncher launcher{order};
          const double nan = std::numeric_limits<double>::quiet_NaN();
          at::Tensor actual = at::full({5, stride}, nan, type).narrow(1, 0, vocabulary);
          actual.copy_(products);
          at::Tensor losses = at::full({5}, 77.0, state);
          cuda::launch_cross_entropy_rows(actual, bias, targets, weights, gradient, losses,
                                          launcher);
          EXPECT_TRUE(close(losses, expected_losses, 50));
          EXPECT_TRUE(close(actual, expected, type == at::kBFloat16 ? 1 : 50));
          EXPECT_TRUE(!gradient || actual[1].eq(0).all().item<bool>()) << "weight 0";
        }
      }
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
