#include "hgnn_moe/train/step_inputs.h"

#include <gtest/gtest.h>

#include "tests/train/step_cases.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/train/device_batch.h"

namespace hgnn_moe {
namespace {

using testing::close;

constexpr std::int64_t kLayers = 2, kExperts = 3, kBatchSize = 6;
constexpr double kRate = 0.3;

StepValues values_of_step(double rate, std::int64_t targets) {
  StepValues values;
  values.first_index = 4;
  if (rate > 0.0) values.keys = StepKeys::make(11, 5, kLayers, kExperts);
  values.loss_scale = 1.0 / static_cast<double>(targets);
  values.learning_rate = 0.25;
  return values;
}

ForwardContext training_context(double rate) {
  ForwardContext context;
  context.training = true;
  context.dropout_rate = rate;
  context.seed = 11;
  context.step = 5;
  return context;
}

// A batch in memory padded up to its bucket.
struct Padded {
  data::Batch batch;
  StepLayout layout;
  at::Tensor words;

  Padded(const std::vector<std::int64_t>& lengths, double rate)
      : batch(step_batch(lengths, 1)),
        layout(bucket(), kStepLength, rate > 0.0 ? kLayers : 0, kExperts),
        words(at::full({layout.words()}, -1, at::kLong)) {
    layout.write(batch, values_of_step(rate, 17), words.mutable_data_ptr<std::int64_t>());
  }

  Bucket bucket() const {
    const std::vector<Bucket> buckets = make_buckets(kBatchSize, kStepLength);
    return buckets[bucket_of(buckets, batch.real_tokens)];
  }
  StepTensors tensors() const { return layout.view(words); }
};

struct LossAndGradients {
  at::Tensor loss;
  std::vector<at::Tensor> gradients;
};

LossAndGradients exact_step(const LanguageModel& model, const data::Batch& batch, double rate) {
  const at::Tensor loss =
      target_loss(model, to_device(batch, 4, at::kCPU), training_context(rate), 1.0 / 17);
  loss.backward();
  return {loss.detach(), take_gradients(model)};
}

LossAndGradients padded_step(const LanguageModel& model, const StepTensors& tensors, double rate) {
  ForwardContext context;  // without seed and step: the keys are inputs
  context.training = true;
  context.dropout_rate = rate;
  const at::Tensor loss = padded_loss(model, tensors, context);
  loss.backward();
  return {loss.detach(), take_gradients(model)};
}

const std::vector<std::vector<std::int64_t>> kBatches = {
    {5, 1, 12, 3}, {12, 12, 12, 12, 12, 12}, {2}, {12, 11, 12, 9, 12, 10}};

TEST(StepInputs, APaddedStepEqualsTheExactOne) {
  for (const CouplerType type :
       {CouplerType::gnn, CouplerType::hgnn, CouplerType::mean, CouplerType::none}) {
    for (const ExpertPath path : {ExpertPath::fused, ExpertPath::reference}) {
      const LanguageModel model = step_model(step_model_config(type), at::kDouble, at::kCPU, path);
      for (const double rate : {0.0, kRate}) {
        for (const auto& lengths : kBatches) {
          SCOPED_TRACE(::testing::Message() << to_string(type) << ", " << to_string(path)
                                            << ", rate " << rate << ", " << lengths.size());
          const Padded padded(lengths, rate);
          const LossAndGradients exact = exact_step(model, padded.batch, rate);
          const LossAndGradients actual = padded_step(model, padded.tensors(), rate);
          // The scale is of float32.
          EXPECT_NEAR(actual.loss.item<double>(), exact.loss.item<double>(), 1e-6);
          for (std::size_t i = 0; i < exact.gradients.size(); ++i) {
            EXPECT_TRUE(close(actual.gradients[i].to(at::kFloat), exact.gradients[i], 10))
                << model.parameters()[i].name;
          }
        }
      }
    }
  }
}

// Whatever they are, and whatever stands where their targets would: to the last bit.
TEST(StepInputs, PaddingTokensInfluenceNothing) {
  for (const CouplerType type :
       {CouplerType::gnn, CouplerType::hgnn, CouplerType::mean, CouplerType::none}) {
    const LanguageModel model = step_model(step_model_config(type), at::kFloat, at::kCPU);
    for (const double rate : {0.0, kRate}) {
      SCOPED_TRACE(::testing::Message() << to_string(type) << ", rate " << rate);
      const Padded padded({5, 1, 12, 3}, rate), other({5, 1, 12, 3}, rate);
      const StepTensors tensors = other.tensors();
      const std::int64_t real = padded.batch.real_tokens;
      const std::int64_t padding = tensors.tokens_N.size(0) - real;
      ASSERT_GT(padding, 0);
      tensors.tokens_N.narrow(0, real, padding).copy_(at::arange(padding, at::kLong) % 19 + 2);
      tensors.targets_N.narrow(0, real, padding).fill_(7);
      tensors.samples.samples_N.narrow(0, real, padding).add_(50);
      const LossAndGradients a = padded_step(model, padded.tensors(), rate);
      const LossAndGradients b = padded_step(model, tensors, rate);
      EXPECT_TRUE(at::equal(a.loss, b.loss));
      EXPECT_TRUE(a.loss.isfinite().item<bool>());
      for (std::size_t i = 0; i < a.gradients.size(); ++i) {
        EXPECT_TRUE(at::equal(a.gradients[i], b.gradients[i])) << model.parameters()[i].name;
        EXPECT_TRUE(a.gradients[i].isfinite().all().item<bool>()) << model.parameters()[i].name;
      }
    }
  }
}

TEST(StepInputs, HoldTheBatchAndItsPadding) {
  const Padded padded({3, 2}, kRate);
  const StepTensors tensors = padded.tensors();
  const at::Tensor lengths_B = tensors.samples.offsets_B1.diff();
  EXPECT_EQ(lengths_B[0].item<std::int64_t>(), 3);
  EXPECT_EQ(lengths_B[1].item<std::int64_t>(), 2);
  EXPECT_LE(lengths_B.max().item<std::int64_t>(), kStepLength);
  EXPECT_EQ(lengths_B.sum().item<std::int64_t>(), tensors.tokens_N.size(0));
  EXPECT_EQ(tensors.samples.max_length, kStepLength);
  const auto first = [](const at::Tensor& x) { return x.narrow(0, 0, 5); };
  EXPECT_TRUE(
      at::equal(first(tensors.samples.positions_N), at::tensor({0, 1, 2, 0, 1}, at::kLong)));
  EXPECT_TRUE(at::equal(first(tensors.samples.samples_N), at::tensor({4, 4, 4, 5, 5}, at::kLong)));
  EXPECT_TRUE(at::equal(first(tensors.samples.rows_N), at::tensor({0, 0, 0, 1, 1}, at::kLong)));
  EXPECT_TRUE(at::equal(first(tensors.weights_N), at::tensor({1, 1, 0, 1, 0}, at::kFloat)));
  EXPECT_EQ(tensors.weights_N.sum().item<double>(), 3.0);
  EXPECT_EQ(tensors.learning_rate.item<float>(), 0.25f);
  EXPECT_EQ(tensors.loss_scale.item<float>(), static_cast<float>(1.0 / 17));
  EXPECT_TRUE(
      at::equal(tensors.keys.embedding_1,
                ops::dropout_keys(StepKeys::make(11, 5, kLayers, kExperts)).narrow(0, 0, 1)));
  // The same rows and positions as those of samples that are made from their lengths.
  const auto whole = ops::make_packed_samples(
      std::vector<std::int64_t>(lengths_B.const_data_ptr<std::int64_t>(),
                                lengths_B.const_data_ptr<std::int64_t>() + lengths_B.numel()),
      std::vector<std::int64_t>(static_cast<std::size_t>(lengths_B.numel()), 0), at::kCPU);
  EXPECT_TRUE(at::equal(tensors.samples.rows_N, whole.rows_N));
  EXPECT_TRUE(at::equal(tensors.samples.positions_N, whole.positions_N));
}

TEST(StepInputs, RefusesABatchThatDoesNotFit) {
  const data::Batch batch = step_batch({12, 12}, 1);
  const StepLayout layout({23, 4}, kStepLength, 0, kExperts);
  std::vector<std::int64_t> words(static_cast<std::size_t>(layout.words()));
  EXPECT_THROW(layout.write(batch, values_of_step(0.0, 1), words.data()), InternalError);
}

}  // namespace
}  // namespace hgnn_moe
