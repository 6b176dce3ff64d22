#include "hgnn_moe/ops/rounded_weight.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "src/ops/expert_block_kernels.h"
#include "tests/ops/expert_block_cases.h"

#include "hgnn_moe/ops/linear.h"

namespace hgnn_moe::ops {
namespace {

at::Tensor leaf(std::uint64_t seed) {
  return testing::random_tensor({5, 7}, seed).to(at::kFloat).requires_grad_();
}

TEST(RoundedWeight, IsMadeOnceUntilTheWeightIsWritten) {
  const at::Tensor weight = leaf(1);
  RoundedWeight rounded(weight);
  const at::Tensor first = rounded.values(at::kBFloat16);
  EXPECT_TRUE(at::equal(first, weight.to(at::kBFloat16)));
  EXPECT_FALSE(first.requires_grad());
  const std::int64_t version = first._version();
  EXPECT_TRUE(rounded.values(at::kBFloat16).is_same(first));
  EXPECT_EQ(first._version(), version) << "made again without need";
  const c10::NoGradGuard no_grad;
  const std::vector<std::function<void()>> writers{
      [&] { weight.copy_(leaf(2)); }, [&] { weight.mul_(2); }, [&] { weight[3].fill_(5); },
      [&] { weight.detach().add_(1); }};
  for (const auto& write : writers) {
    write();
    EXPECT_FALSE(rounded.to_update().defined());
    EXPECT_TRUE(at::equal(rounded.values(at::kBFloat16), weight.to(at::kBFloat16)));
  }
}

TEST(RoundedWeight, IsToBeUpdatedOnlyWhereItIsThereAndCurrent) {
  const at::Tensor weight = leaf(1);
  RoundedWeight rounded(weight);
  EXPECT_FALSE(rounded.to_update().defined());
  rounded.values(at::kBFloat16);
  ASSERT_TRUE(rounded.to_update().defined());
  const c10::NoGradGuard no_grad;
  const at::Tensor values = rounded.to_update();
  weight.add_(1);
  values.fill_(3);  // an update that writes both
  rounded.mark_as_current();
  EXPECT_TRUE(rounded.values(at::kBFloat16).eq(3).all().item<bool>());
}

TEST(RoundedWeight, KeepsItsValuesInMemoryOfOthers) {
  const at::Tensor weight = leaf(1), all = at::zeros({3, 5, 7}, at::kBFloat16);
  RoundedWeight rounded(weight);
  rounded.keep_in(all[1]);
  EXPECT_FALSE(rounded.to_update().defined()) << "nothing was written there yet";
  EXPECT_EQ(rounded.values(at::kBFloat16).const_data_ptr(), all[1].const_data_ptr());
  EXPECT_TRUE(at::equal(all[1], weight.to(at::kBFloat16)));
}

TEST(RoundedWeight, LinearHasTheBitsOfACast) {
  const at::Tensor x = testing::random_tensor({4, 3, 7}, 3).to(at::kFloat);
  std::vector<std::vector<at::Tensor>> results;
  for (const bool kept : {false, true}) {
    const at::Tensor weight = leaf(1), bias = at::ones({5}).requires_grad_();
    const at::Tensor input = x.clone().requires_grad_();
    const auto rounded = kept ? std::make_shared<RoundedWeight>(weight) : nullptr;
    const at::Tensor y = linear(input, weight, bias, at::kBFloat16, rounded);
    y.square().sum().backward();
    results.push_back({y, input.grad(), weight.grad(), bias.grad()});
    EXPECT_EQ(weight.grad().scalar_type(), at::kFloat);
  }
  for (std::size_t i = 0; i < results[0].size(); ++i) {
    EXPECT_TRUE(at::equal(results[0][i], results[1][i])) << i;
  }
}

TEST(RoundedWeight, AWriteBetweenForwardAndBackwardIsNoticed) {
  const at::Tensor weight = leaf(1);
  const auto rounded = std::make_shared<RoundedWeight>(weight);
  const at::Tensor x = at::ones({2, 7}).requires_grad_();
  const at::Tensor y = linear(x, weight, {}, at::kBFloat16, rounded).sum();
  {
    const c10::NoGradGuard no_grad;
    weight.add_(1);
  }
  rounded->values(at::kBFloat16);
  EXPECT_THROW(y.backward(), c10::Error);
}

TEST(RoundedWeight, OfTheSameTypeIsTheWeightItself) {
  const at::Tensor weight = leaf(1);
  const auto rounded = std::make_shared<RoundedWeight>(weight);
  EXPECT_TRUE(in_type(weight, rounded, at::kFloat).is_same(weight));
  EXPECT_FALSE(rounded->to_update().defined()) << "a copy that nobody needs";
}

TEST(ScaleColumns, IsTheRoundedProduct) {
  for_each_isa([](CpuIsa isa) {
    for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
      for (const std::int64_t dim : {1, 7, 16, 33, 384}) {
        const at::ScalarType state = type == at::kDouble ? at::kDouble : at::kFloat;
        const at::Tensor weight = random_input({3, 5, dim}, 1, state),
                         gamma = random_input({3, dim}, 2, state);
        gamma[1].mul_(1e-39);  // denormal products
        GuardedTensors guarded;
        at::Tensor out = guarded.make({3, 5, dim}, type);
        scale_columns_cpu(isa, weight, gamma, out);
        EXPECT_TRUE(at::equal(out, (weight * gamma.unsqueeze(1)).to(type))) << type << ' ' << dim;
        EXPECT_TRUE(guarded.intact());
      }
    }
  });
}

}  // namespace
}  // namespace hgnn_moe::ops
