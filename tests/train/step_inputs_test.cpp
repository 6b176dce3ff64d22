#include "hgnn_moe/train/step_inputs.h"

#include <gtest/gtest.h>

#include "tests/train/step_cases.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/train/buckets.h"
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
        layout(shape(), rate > 0.0 ? kLayers : 0, kExperts),
        words(at::full({layout.words()}, -1, at::kLong)) {
    layout.write(batch, values_of_step(rate, 17), words.mutable_data_ptr<std::int64_t>());
  }

  StepShape shape() const {
    const std::vector<std::int64_t> buckets = make_buckets({kBatchSize, kStepLength});
    return {buckets[bucket_of(buckets, batch.real_tokens)], kBatchSize, kStepLength};
  }
  StepTensors tensors() const { return layout.view(words); }
  // Which tokens are padding, [N]: those behind the end of their sample in the batch.
  at::Tensor is_padding_N() const {
    std::vector<std::int64_t> lengths = batch.lengths;
    lengths.resize(kBatchSize, 0);
    const ops::PackedSamples samples = tensors().samples;
    return samples.positions_N >= at::tensor(lengths, at::kLong).index_select(0, samples.rows_N);
  }
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
      const LanguageModel model = step_model(step_model_config(type), at::kDouble, at::kCPU,
                                             {CouplerPath::automatic, 0, path});
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
      const at::Tensor is_padding_N = padded.is_padding_N();
      const std::int64_t padding = is_padding_N.sum().item<std::int64_t>();
      ASSERT_EQ(padding, tensors.tokens_N.size(0) - padded.batch.real_tokens);
      ASSERT_GT(padding, 0);
      tensors.tokens_N.masked_scatter_(is_padding_N, at::arange(padding, at::kLong) % 19 + 2);
      tensors.targets_N.masked_fill_(is_padding_N, 7);
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

// 21 tokens in the bucket of 36: samples are filled up to T = 12 in turn.
TEST(StepInputs, HoldTheBatchAndItsPadding) {
  const Padded padded({3, 12, 6}, kRate);
  const StepTensors tensors = padded.tensors();
  EXPECT_TRUE(
      at::equal(tensors.samples.offsets_B1.diff(), at::tensor({12, 12, 12, 0, 0, 0}, at::kLong)));
  EXPECT_EQ(tensors.tokens_N.size(0), 36);
  EXPECT_EQ(tensors.samples.max_length, kStepLength);
  const at::Tensor t_N = at::arange(12, at::kLong).repeat({3}),
                   b_N = at::arange(36, at::kLong) / 12;
  EXPECT_TRUE(at::equal(tensors.samples.positions_N, t_N));
  EXPECT_TRUE(at::equal(tensors.samples.rows_N, b_N.to(at::kLong)));
  EXPECT_TRUE(at::equal(tensors.samples.samples_N, tensors.samples.rows_N + 4));
  EXPECT_TRUE(at::equal(tensors.samples.sample_indices_B, at::arange(4, 10, at::kLong)));
  const data::Batch& batch = padded.batch;
  for (std::int64_t n = 0; n < 36; ++n) {
    const std::int64_t b = n / 12, t = n % 12;
    const bool has_target = t + 1 < batch.lengths[b];
    EXPECT_EQ(tensors.weights_N[n].item<float>(), has_target ? 1.0f : 0.0f) << n;
    if (t < batch.lengths[b]) {
      EXPECT_EQ(tensors.tokens_N[n].item<std::int64_t>(), batch.tokens[b * 12 + t]) << n;
    }
    if (has_target) {
      EXPECT_EQ(tensors.targets_N[n].item<std::int64_t>(), batch.targets[b * 12 + t]) << n;
    }
  }
  EXPECT_EQ(tensors.learning_rate.item<float>(), 0.25f);
  EXPECT_EQ(tensors.loss_scale.item<float>(), static_cast<float>(1.0 / 17));
  EXPECT_TRUE(
      at::equal(tensors.keys.embedding_1,
                ops::dropout_keys(StepKeys::make(11, 5, kLayers, kExperts)).narrow(0, 0, 1)));
}

// Whatever a batch holds, its samples have room for the padding, and no sample is too long.
TEST(StepInputs, EveryBatchHasRoomForItsPadding) {
  for (const auto& lengths : std::vector<std::vector<std::int64_t>>{
           {}, {1}, {12}, {1, 1, 1, 1, 1, 1}, {12, 12, 12, 12, 12, 12}, {12, 12, 12, 12, 12, 11}}) {
    const Padded padded(lengths, 0.0);
    const at::Tensor lengths_B = padded.tensors().samples.offsets_B1.diff();
    EXPECT_EQ(lengths_B.size(0), kBatchSize);
    EXPECT_LE(lengths_B.max().item<std::int64_t>(), kStepLength);
    EXPECT_EQ(lengths_B.sum().item<std::int64_t>(), padded.shape().tokens);
    // Rows and positions are those of samples that are made from their lengths.
    const auto* first = lengths_B.const_data_ptr<std::int64_t>();
    const auto whole = ops::make_packed_samples(
        std::vector<std::int64_t>(first, first + kBatchSize),
        std::vector<std::int64_t>(static_cast<std::size_t>(kBatchSize), 0), at::kCPU);
    EXPECT_TRUE(at::equal(padded.tensors().samples.rows_N, whole.rows_N));
    EXPECT_TRUE(at::equal(padded.tensors().samples.positions_N, whole.positions_N));
  }
}

TEST(StepInputs, RefusesABatchThatDoesNotFit) {
  const data::Batch batch = step_batch({12, 12}, 1);
  const StepLayout layout({23, 4, kStepLength}, 0, kExperts);
  std::vector<std::int64_t> words(static_cast<std::size_t>(layout.words()));
  EXPECT_THROW(layout.write(batch, values_of_step(0.0, 1), words.data()), InternalError);
  EXPECT_THROW(StepLayout({25, 2, kStepLength}, 0, kExperts), InternalError);
}

}  // namespace
}  // namespace hgnn_moe
