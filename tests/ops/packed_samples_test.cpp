#include "hgnn_moe/ops/packed_samples.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/tensors.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::random_tensor;

TEST(PackedSamples, TokensKnowTheirPositionAndSample) {
  const PackedSamples samples = make_packed_samples({2, 0, 3}, {7, 8, 5}, at::kCPU);
  EXPECT_TRUE(at::equal(samples.offsets_B1, at::tensor({0, 2, 2, 5}, at::kLong)));
  EXPECT_TRUE(at::equal(samples.positions_N, at::tensor({0, 1, 0, 1, 2}, at::kLong)));
  EXPECT_TRUE(at::equal(samples.samples_N, at::tensor({7, 7, 5, 5, 5}, at::kLong)));
  EXPECT_TRUE(at::equal(samples.rows_N, at::tensor({0, 0, 2, 2, 2}, at::kLong)));
  EXPECT_EQ(samples.max_length, 3);
  EXPECT_EQ(samples.num_samples(), 3);
  EXPECT_EQ(samples.num_tokens(), 5);
}

TEST(PackedSamples, RefusesLengthsThatMeanNothing) {
  EXPECT_THROW(make_packed_samples({2, -1}, {0, 1}, at::kCPU), InternalError);
  EXPECT_THROW(make_packed_samples({2}, {0, 1}, at::kCPU), InternalError);
}

TEST(PackedSamples, PackingTakesTheRealTokensAndPaddingPutsThemBack) {
  const PackedSamples samples = make_packed_samples({2, 0, 3}, {7, 8, 5}, at::kCPU);
  const at::Tensor padded = random_tensor({3, 4, 2}, 1);
  const at::Tensor packed = pack_padded(padded, samples);
  EXPECT_TRUE(at::equal(packed, at::cat({padded[0].narrow(0, 0, 2), padded[2].narrow(0, 0, 3)})));
  const at::Tensor back = pad_packed(packed, samples);
  EXPECT_EQ(back.sizes(), at::IntArrayRef({3, 3, 2}));
  EXPECT_TRUE(at::equal(back[0].narrow(0, 0, 2), padded[0].narrow(0, 0, 2)));
  EXPECT_TRUE(at::equal(back[2], padded[2].narrow(0, 0, 3)));
  EXPECT_TRUE(back[1].eq(0).all().item<bool>() && back[0][2].eq(0).all().item<bool>());
}

// Each is the transposed of the other, so its gradient is the other.
TEST(PackedSamples, GradientsGoBackTheSameWay) {
  const PackedSamples samples = make_packed_samples({2, 0, 3}, {7, 8, 5}, at::kCPU);
  const at::Tensor padded = random_tensor({3, 3, 2}, 1), packed = random_tensor({5, 2}, 2);
  const auto pack = [&](const auto& v) { return pack_padded(v[0], samples); };
  const auto pad = [&](const auto& v) { return pad_packed(v[0], samples); };
  EXPECT_TRUE(at::equal(gradients(pack, {padded}, packed)[0], pad_packed(packed, samples)));
  EXPECT_TRUE(at::equal(gradients(pad, {packed}, padded)[0], pack_padded(padded, samples)));
}

TEST(PackedSamples, NoTokensAtAll) {
  for (const std::vector<std::int64_t>& lengths : {std::vector<std::int64_t>{}, {0, 0}}) {
    const PackedSamples samples = make_packed_samples(lengths, lengths, at::kCPU);
    EXPECT_EQ(samples.num_tokens(), 0);
    const auto batch = static_cast<std::int64_t>(lengths.size());
    EXPECT_EQ(pack_padded(at::zeros({batch, 4, 2}), samples).sizes(), at::IntArrayRef({0, 2}));
    EXPECT_EQ(pad_packed(at::zeros({0, 2}), samples).sizes(), at::IntArrayRef({batch, 0, 2}));
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
