#include "hgnn_moe/train/device_batch.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/train/step_cases.h"

namespace hgnn_moe {
namespace {

using testing::close;

const std::vector<std::vector<std::int64_t>> kBatches = {
    {5, 1, 12, 3}, {12, 12, 12}, {2}, {12, 11, 12, 9, 12, 10}, {1, 12, 1}};

ForwardContext training_context() {
  ForwardContext context;
  context.training = true;
  context.dropout_rate = 0.3;
  context.seed = 11;
  context.step = 5;
  return context;
}

struct LossAndGradients {
  double loss;
  std::vector<at::Tensor> gradients;
};

LossAndGradients train_on(const LanguageModel& model, const data::Batch& batch,
                          const Padding& padding) {
  const at::Tensor loss =
      target_loss(model, to_device(batch, 4, at::kCPU, padding), training_context(), 1.0 / 17);
  loss.backward();
  return {loss.item<double>(), take_gradients(model)};
}

TEST(DeviceBatch, PaddingChangesNothing) {
  for (const CouplerType type :
       {CouplerType::gnn, CouplerType::hgnn, CouplerType::mean, CouplerType::none}) {
    const LanguageModel model = step_model(step_model_config(type), at::kDouble, at::kCPU);
    for (const auto& lengths : kBatches) {
      const data::Batch batch = step_batch(lengths, 1);
      const LossAndGradients exact = train_on(model, batch, {});
      const at::Tensor losses = target_losses(model, to_device(batch, 4, at::kCPU), {});
      for (const std::int64_t unit : {2, 7, 16}) {
        SCOPED_TRACE(::testing::Message()
                     << to_string(type) << ", " << lengths.size() << " samples, unit " << unit);
        const Padding padding{unit, kStepLength};
        const LossAndGradients padded = train_on(model, batch, padding);
        EXPECT_NEAR(padded.loss, exact.loss, 1e-12);
        for (std::size_t i = 0; i < exact.gradients.size(); ++i) {
          EXPECT_TRUE(close(padded.gradients[i], exact.gradients[i], 10))
              << model.parameters()[i].name;
        }
        const at::Tensor padded_losses =
            target_losses(model, to_device(batch, 4, at::kCPU, padding), {});
        ASSERT_EQ(padded_losses.sizes(), losses.sizes());
        EXPECT_TRUE(close(padded_losses, losses, 10));
      }
    }
  }
}

// N is a multiple of the unit, or all that the samples have room for; K is a multiple.
TEST(DeviceBatch, PaddingEndsAtAMultipleOrWhereSamplesAreFull) {
  for (const auto& lengths : kBatches) {
    const data::Batch batch = step_batch(lengths, 1);
    for (const std::int64_t unit : {1, 2, 7, 16}) {
      SCOPED_TRACE(::testing::Message() << lengths.size() << " samples, unit " << unit);
      const DeviceBatch tensors = to_device(batch, 0, at::kCPU, {unit, kStepLength});
      const std::int64_t tokens = tensors.tokens_N.size(0), rows = tensors.targets_K.size(0);
      EXPECT_TRUE(tokens % unit == 0 || tokens == batch.size * kStepLength) << tokens;
      EXPECT_LT(tokens - batch.real_tokens, unit);
      EXPECT_EQ(tensors.samples.num_tokens(), tokens);
      EXPECT_EQ(tensors.samples.num_samples(), batch.size);
      EXPECT_LE(tensors.samples.max_length, kStepLength);
      EXPECT_EQ(tensors.real_targets, batch.real_targets);
      EXPECT_EQ(rows % unit, 0);
      EXPECT_LT(rows - batch.real_targets, unit);
      EXPECT_EQ(tensors.target_positions_K.size(0), rows);
    }
  }
}

// What is real stands before the padding of its sample.
TEST(DeviceBatch, RealTokensKeepTheirPlaces) {
  const data::Batch batch = step_batch({3, 5}, 1);
  const DeviceBatch tensors = to_device(batch, 9, at::kCPU, {8, kStepLength});
  const auto& real = batch.tokens;  // [2, 5]
  EXPECT_TRUE(at::equal(tensors.tokens_N, at::tensor({real[0], real[1], real[2], real[5], real[6],
                                                      real[7], real[8], real[9]},
                                                     at::kLong)))
      << "8 tokens need no padding";
  const DeviceBatch more = to_device(batch, 9, at::kCPU, {10, kStepLength});
  EXPECT_TRUE(at::equal(more.samples.offsets_B1, at::tensor({0, 5, 10}, at::kLong)));
  EXPECT_TRUE(at::equal(more.tokens_N.narrow(0, 3, 2), at::zeros({2}, at::kLong)));
  EXPECT_TRUE(at::equal(more.target_positions_K.narrow(0, 0, 6),
                        at::tensor({0, 1, 5, 6, 7, 8}, at::kLong)));
  EXPECT_TRUE(at::equal(more.samples.sample_indices_B, at::tensor({9, 10}, at::kLong)));
}

TEST(DeviceBatch, BatchesOfLinesHaveFewSizes) {
  std::set<std::int64_t> sizes;
  for (std::int64_t i = 0; i < 500; ++i) {
    const data::Batch batch = step_batch({1 + i % 12, 1 + i * 5 % 12, 1 + i * 7 % 11,
                                          1 + i * 3 % 10, 12, 1 + i % 9, 1 + i * 2 % 7, 12},
                                         i);
    const DeviceBatch tensors = to_device(batch, 0, at::kCPU, few_sizes({8, kStepLength}));
    sizes.insert(tensors.tokens_N.size(0));
    EXPECT_LE(tensors.tokens_N.size(0) - batch.real_tokens, 8 * kStepLength / 32);
  }
  EXPECT_GT(sizes.size(), 8u);
  EXPECT_LE(sizes.size(), 33u);
}

}  // namespace
}  // namespace hgnn_moe
