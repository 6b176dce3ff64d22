#include "hgnn_moe/train/memory_estimate.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/golden_model.h"

namespace hgnn_moe {
namespace {

ModelConfig config_of(CouplerType type, Precision precision) {
  ModelConfig config;
  config.vocab_size = 40;
  config.max_seq_length = 8;
  config.embed_dim = 16;
  config.num_layers = 2;
  config.num_heads = 2;
  config.num_experts = 3;
  config.coupler_layers = 2;
  config.coupler_type = type;
  config.precision = precision;
  if (type == CouplerType::hgnn) config.hypergraph = ops::complete_uniform_hypergraph(3, 2);
  return config;
}

// Bytes of what a model keeps in bf16 after a step, of which the folded projections of queries,
// keys and values are no parameter's own.
std::int64_t kept_bytes(const ModelConfig& config, const Execution& execution) {
  const LanguageModel model(config, 1, at::kFloat, at::kCPU, execution);
  testing::next_token_loss(model, at::ones({4, 8}, at::kLong), at::full({4}, 8, at::kLong), {});
  std::int64_t bytes = config.num_layers * config.num_experts * 3 * 2 * 16 * 16;
  for (const NamedParameter& parameter : model.parameters()) {
    const at::Tensor rounded = parameter.rounded->to_update();
    if (rounded.defined()) bytes += static_cast<std::int64_t>(rounded.nbytes());
  }
  return bytes;
}

TEST(MemoryEstimate, CountsTheWeightsKeptInBf16) {
  for (const CouplerType type :
       {CouplerType::none, CouplerType::mean, CouplerType::gnn, CouplerType::hgnn}) {
    for (const CouplerPath path : {CouplerPath::automatic, CouplerPath::batched}) {
      SCOPED_TRACE(::testing::Message() << to_string(type) << ' ' << to_string(path));
      const Execution execution{path, 0, ExpertPath::fused};
      const ModelConfig fp32 = config_of(type, Precision::fp32);
      const ModelConfig bf16 = config_of(type, Precision::bf16);
      const std::int64_t plain = estimate_memory(fp32, {4, execution}).parameters;
      EXPECT_EQ(plain, 4 * count_parameters(fp32).total());
      EXPECT_EQ(estimate_memory(bf16, {4, execution}).parameters - plain,
                kept_bytes(bf16, execution));
    }
  }
}

// What is there over time: the peak of no run is above it.
std::int64_t sum_of(const MemoryEstimate& memory) {
  return memory.parameters + memory.gradients + memory.optimizer + memory.snapshot +
         memory.activations + memory.evaluation + memory.token_losses + memory.runtime;
}

TEST(MemoryEstimate, ThePeakIsWithinItsParts) {
  for (const std::int64_t vocab_size : {40, 40000}) {
    ModelConfig config = config_of(CouplerType::gnn, Precision::fp32);
    config.vocab_size = vocab_size;
    for (const std::int64_t micro_batches : {1, 2}) {
      for (const std::int64_t evaluated : {8, 1000000}) {
        for (const bool on_gpu : {false, true}) {
          for (const bool trains : {true, false}) {
            StepInMemory step{4, {CouplerPath::batched, 0, ExpertPath::fused}};
            step.background_saves = true;
            step.on_gpu = step.captured = on_gpu;
            step.micro_batches = micro_batches;
            step.trains = trains;
            step.evaluated = evaluated;
            step.token_losses = 1000;
            const MemoryEstimate memory = estimate_memory(config, step);
            EXPECT_LE(memory.total, sum_of(memory)) << vocab_size << ' ' << micro_batches << ' '
                                                    << evaluated << ' ' << on_gpu << ' ' << trains;
          }
        }
      }
    }
  }
}

TEST(MemoryEstimate, IsOfTheLongestSampleAndOfTheLargerEvaluation) {
  ModelConfig config = config_of(CouplerType::gnn, Precision::fp32);
  StepInMemory step{4, {CouplerPath::batched, 0, ExpertPath::reference}};
  const MemoryEstimate whole = estimate_memory(config, step);
  step.evaluated = 4 * config.max_seq_length;
  EXPECT_EQ(estimate_memory(config, step).total, whole.total) << "a step takes more";
  EXPECT_FALSE(whole.evaluation_is_peak);
  step.evaluated = 1000000;
  EXPECT_TRUE(estimate_memory(config, step).evaluation_is_peak);
  StepInMemory evaluation = step;
  evaluation.trains = false;
  evaluation.batch_size = 1000000 / config.max_seq_length;
  EXPECT_EQ(estimate_memory(config, step).total,
            estimate_memory(config, evaluation).total + whole.optimizer);

  config.dropout_rate = 0.1;  // with matrices of T x T
  const MemoryEstimate short_samples = estimate_memory(config, {4, step.execution});
  ModelConfig longer = config;
  longer.max_seq_length = 5000;
  step = {4, step.execution};
  step.length = config.max_seq_length;
  EXPECT_EQ(estimate_memory(longer, step).activations, short_samples.activations);
}

TEST(MemoryEstimate, TheSnapshotIsOfTheHost) {
  const ModelConfig config = config_of(CouplerType::gnn, Precision::bf16);
  StepInMemory step{4, {CouplerPath::batched, 0, ExpertPath::fused}};
  const MemoryEstimate without = estimate_memory(config, step);
  EXPECT_EQ(without.snapshot, 0);
  step.background_saves = true;
  const MemoryEstimate on_cpu = estimate_memory(config, step);
  EXPECT_EQ(on_cpu.snapshot, 12 * count_parameters(config).total());
  EXPECT_EQ(on_cpu.total, without.total + on_cpu.snapshot);
  step.on_gpu = true;
  const MemoryEstimate on_gpu = estimate_memory(config, step);
  EXPECT_EQ(on_gpu.snapshot, on_cpu.snapshot);
  step.background_saves = false;
  EXPECT_EQ(on_gpu.total, estimate_memory(config, step).total);
}

TEST(MemoryEstimate, GradientsOfEarlierMicroBatchesStandBesideTheHead) {
  const ModelConfig config = config_of(CouplerType::gnn, Precision::fp32);
  StepInMemory step{4, {CouplerPath::batched, 0, ExpertPath::fused}};
  const MemoryEstimate once = estimate_memory(config, step);
  step.micro_batches = 2;
  const MemoryEstimate twice = estimate_memory(config, step);
  const std::int64_t logits = 32 * 40 * 4, head_gradients = (16 + 1) * 40 * 4;
  EXPECT_GT(once.gradients, logits + head_gradients);
  EXPECT_EQ(twice.total, once.total + logits + head_gradients);
  step.micro_batches = 3;
  EXPECT_EQ(estimate_memory(config, step).total, twice.total) << "they add up in place";
}

TEST(MemoryEstimate, AnEvaluationHasWeightsAndOneLayer) {
  ModelConfig config = config_of(CouplerType::gnn, Precision::fp32);
  StepInMemory step{4, {CouplerPath::batched, 0, ExpertPath::fused}};
  step.background_saves = true;
  step.trains = false;
  const MemoryEstimate one = estimate_memory(config, step);
  EXPECT_EQ(one.gradients + one.optimizer + one.snapshot + one.activations, 0);
  EXPECT_EQ(one.total, sum_of(one));
  EXPECT_TRUE(one.evaluation_is_peak);
  const std::int64_t tokens = 4 * 8, logits = tokens * 40 * 4;
  EXPECT_EQ(one.evaluation - logits, tokens * 3 * 16 * (16 * 4 + 4 * 2));
  step.token_losses = 1000;
  EXPECT_EQ(estimate_memory(config, step).total, one.total + 1000);
  step.models = 2;
  EXPECT_EQ(estimate_memory(config, step).total, one.total + 1000 + one.parameters);
  ++config.num_layers;
  EXPECT_EQ(estimate_memory(config, step).evaluation, one.evaluation);
}

// Of [E A B, T, T] there are two matrices in fp32 and two in the type of products.
TEST(MemoryEstimate, DropoutOnAGpuNeedsWholeMatricesOfScores) {
  for (const auto& [precision, element] : {std::pair{Precision::fp32, 16}, {Precision::bf16, 12}}) {
    ModelConfig once = config_of(CouplerType::mean, precision), twice = once;
    once.dropout_rate = twice.dropout_rate = 0.1;
    twice.max_seq_length *= 2;
    StepInMemory many{4, {CouplerPath::batched, 0, ExpertPath::fused}}, few = many;
    few.batch_size = 2;  // as many tokens
    const auto difference = [&] {
      return estimate_memory(twice, few).activations - estimate_memory(once, many).activations;
    };
    EXPECT_EQ(difference(), 0);
    many.on_gpu = few.on_gpu = true;
    const std::int64_t tokens = 4 * 8, experts = 3, heads = 2;
    EXPECT_EQ(difference(), tokens * experts * heads * (16 - 8) * element);
    once.dropout_rate = twice.dropout_rate = 0.0;
    EXPECT_EQ(difference(), 0) << "nothing of T x T is kept";
  }
}

TEST(MemoryEstimate, EvaluationsStandBesideCapturedSteps) {
  const ModelConfig config = config_of(CouplerType::gnn, Precision::bf16);
  StepInMemory step{4, {CouplerPath::batched, 0, ExpertPath::fused}};
  step.on_gpu = true;
  const MemoryEstimate uncaptured = estimate_memory(config, step);
  step.captured = true;
  const MemoryEstimate captured = estimate_memory(config, step);
  EXPECT_GT(captured.total, uncaptured.total + 32 * 40 * 2) << "more than its logits";
  EXPECT_EQ(captured.activations, uncaptured.activations);
  EXPECT_EQ(captured.total - uncaptured.total, captured.evaluation);
  step.evaluated = 8;
  EXPECT_EQ(captured.total - estimate_memory(config, step).total, captured.evaluation * 3 / 4)
      << "of as many tokens as there are";
  step.evaluated.reset();
  step.token_losses = 1000;
  EXPECT_EQ(estimate_memory(config, step).total, captured.total) << "they are the host's";
}

// Their products' results and, where these are not in float32, on a CPU what is summed from them.
TEST(MemoryEstimate, LogitsAreThereOnceInEachType) {
  const auto bytes_of_a_logit = [](Precision precision, bool on_gpu) {
    ModelConfig config = config_of(CouplerType::none, precision);
    config.dropout_rate = 0.0;
    StepInMemory step{4, {CouplerPath::batched, 0, ExpertPath::fused}};
    step.on_gpu = on_gpu;
    const std::int64_t few = estimate_memory(config, step).activations;
    config.vocab_size += 10;
    const std::int64_t head_gradients = (16 + 1) * 10 * 4;
    return (estimate_memory(config, step).activations - few - head_gradients) / (32 * 10);
  };
  EXPECT_EQ(bytes_of_a_logit(Precision::fp32, /*on_gpu=*/false), 4);
  EXPECT_EQ(bytes_of_a_logit(Precision::bf16, /*on_gpu=*/false), 2 + 4);
  EXPECT_EQ(bytes_of_a_logit(Precision::fp32, /*on_gpu=*/true), 4);
  EXPECT_EQ(bytes_of_a_logit(Precision::bf16, /*on_gpu=*/true), 2);
}

}  // namespace
}  // namespace hgnn_moe
