#include "hgnn_moe/ops/counter_dropout.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "tests/support/tensors.h"

#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::random_tensor;

constexpr std::uint64_t kKey = 0xf23456789abcdef0u;
const DropoutStream kStream{0.3, dropout_keys({kKey})};

at::Tensor indices(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong));
}

TEST(CounterDropout, CpuEqualsReferenceToTheBit) {
  // 130 features: two full groups of 64 and a tail that ends within a block of four.
  for (const std::int64_t features : {1, 3, 4, 64, 67, 130}) {
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
      const at::Tensor x = random_tensor({3, 5, features}, 1).to(type);
      const at::Tensor rows = indices({0, 7, 4000000000});
      EXPECT_TRUE(
          at::equal(counter_dropout(x, kStream, rows), counter_dropout_reference(x, kStream, rows)))
          << features << " features, " << type;
      const at::Tensor attention = random_tensor({3, 2, 5, features}, 2).to(type);
      EXPECT_TRUE(at::equal(counter_dropout(attention, kStream, rows),
                            counter_dropout_reference(attention, kStream, rows)))
          << "attention, " << features << " keys, " << type;
    }
  }
}

TEST(CounterDropout, MasksFollowTheDocumentedCounters) {
  const at::Tensor x = at::ones({1, 2, 6}, at::kDouble);
  const at::Tensor y = counter_dropout(x, kStream, indices({5}));
  for (std::uint32_t t = 0; t < 2; ++t) {
    for (std::uint32_t f = 0; f < 6; ++f) {
      const std::uint32_t word = philox(kKey, PhiloxBlock{{f / 4, t, 5, 0}}).v[f % 4];
      const bool kept = word >= kStream.rate * 4294967296.0;
      EXPECT_DOUBLE_EQ(y[0][t][f].item<double>(), kept ? 1.0 / 0.7 : 0.0);
    }
  }
}

// Tokens one by one, each with its sample and position.
TEST(CounterDropout, PackedTokensHaveTheMasksOfPaddedOnes) {
  const at::Tensor samples_B = indices({9, 4});
  const at::Tensor x = at::ones({2, 7, 10}, at::kFloat);
  const at::Tensor padded = counter_dropout(x, kStream, samples_B);
  const at::Tensor positions = at::arange(7, at::kLong).repeat(2);
  const at::Tensor samples = samples_B.repeat_interleave(7);
  const at::Tensor packed = x.view({14, 1, 10});
  EXPECT_TRUE(
      at::equal(counter_dropout(packed, kStream, samples, positions).view({2, 7, 10}), padded));
  EXPECT_TRUE(at::equal(
      counter_dropout_reference(packed, kStream, samples, positions).view({2, 7, 10}), padded));
  const auto drop = [&](const auto& v) {
    return counter_dropout(v[0], kStream, samples, positions);
  };
  EXPECT_TRUE(at::equal(gradients(drop, {packed}, packed)[0], padded.view({14, 1, 10})));
}

TEST(CounterDropout, MasksDoNotDependOnPaddingOrderOrThreads) {
  const int threads = at::get_num_threads();
  at::set_num_threads(3);
  const at::Tensor x = at::ones({3, 900, 50}, at::kFloat);
  const at::Tensor full = counter_dropout(x, kStream, indices({0, 1, 2}));
  const at::Tensor shorter = counter_dropout(x.narrow(1, 0, 4), kStream, indices({0, 1, 2}));
  EXPECT_TRUE(at::equal(full.narrow(1, 0, 4), shorter));
  const at::Tensor alone = counter_dropout(x.narrow(0, 2, 1), kStream, indices({2}));
  EXPECT_TRUE(at::equal(full.narrow(0, 2, 1), alone));
  at::set_num_threads(1);
  EXPECT_TRUE(at::equal(full, counter_dropout(x, kStream, indices({0, 1, 2}))));
  at::set_num_threads(threads);
}

TEST(CounterDropout, KeepsTheExpectedShareAndMean) {
  const at::Tensor x = at::ones({4, 100, 500}, at::kDouble);
  const at::Tensor y = counter_dropout(x, kStream, indices({0, 1, 2, 3}));
  const double n = 200000.0, kept = y.count_nonzero().item<double>() / n;
  // Five standard deviations of a binomial share.
  EXPECT_NEAR(kept, 0.7, 5 * std::sqrt(0.3 * 0.7 / n));
  EXPECT_NEAR(y.mean().item<double>(), kept / 0.7, 1e-12);
}

TEST(CounterDropout, StreamsAndSamplesDiffer) {
  const at::Tensor x = at::ones({2, 4, 64}, at::kFloat);
  const at::Tensor y = counter_dropout(x, kStream, indices({0, 1}));
  EXPECT_FALSE(at::equal(y[0], y[1]));
  EXPECT_FALSE(at::equal(y, counter_dropout(x, {0.3, kStream.key + 1}, indices({0, 1}))));
}

TEST(CounterDropout, TheGradientIsTheMask) {
  const at::Tensor x = random_tensor({2, 5, 37}, 1), cotangent = random_tensor({2, 5, 37}, 2);
  const at::Tensor rows = indices({3, 4});
  const auto gradient = gradients(
      [&](const std::vector<at::Tensor>& in) { return counter_dropout(in[0], kStream, rows); }, {x},
      cotangent)[0];
  EXPECT_TRUE(at::equal(gradient, counter_dropout_reference(cotangent, kStream, rows)));
}

TEST(CounterDropout, RateZeroIsTheIdentity) {
  const at::Tensor x = random_tensor({2, 3, 4}, 1);
  EXPECT_TRUE(counter_dropout(x, {0.0, {}}, indices({0, 1})).is_same(x));
}

TEST(CounterDropout, AcceptsNonContiguousInput) {
  const at::Tensor x = random_tensor({2, 7, 3}, 1).transpose(1, 2);
  EXPECT_TRUE(at::equal(counter_dropout(x, kStream, indices({0, 1})),
                        counter_dropout(x.contiguous(), kStream, indices({0, 1}))));
}

}  // namespace
}  // namespace hgnn_moe::ops
