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

TEST(MemoryEstimate, TheSnapshotIsOfTheHost) {
  const ModelConfig config = config_of(CouplerType::gnn, Precision::bf16);
  StepInMemory step{4, {CouplerPath::batched, 0, ExpertPath::fused}};
  const MemoryEstimate without = estimate_memory(config, step);
  EXPECT_EQ(without.snapshot, 0);
  step.background_saves = true;
  const MemoryEstimate on_cpu = estimate_memory(config, step);
  EXPECT_EQ(on_cpu.snapshot, 12 * count_parameters(config).total());
  EXPECT_EQ(on_cpu.total, without.total + on_cpu.snapshot);
  step.host_is_device = false;
  EXPECT_EQ(estimate_memory(config, step).total, without.total);
}

}  // namespace
}  // namespace hgnn_moe
