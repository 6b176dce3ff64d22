// Layers whose activations are computed again give the same numbers, to the bit.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/golden_model.h"

namespace hgnn_moe {
namespace {

ModelConfig small_config(CouplerType type, std::int64_t experts) {
  ModelConfig config;
  config.vocab_size = 23;
  config.max_seq_length = 12;
  config.embed_dim = 16;
  config.num_layers = 3;
  config.num_heads = 2;
  config.num_experts = experts;
  config.coupler_layers = 2;
  config.coupler_type = type;
  if (type == CouplerType::hgnn) config.hypergraph = ops::complete_uniform_hypergraph(experts, 2);
  return config;
}

std::vector<at::Tensor> loss_and_gradients(const ModelConfig& config, const Execution& execution) {
  const LanguageModel model(config, 3, at::kFloat, at::kCPU, execution);
  ForwardContext context;
  context.training = true;
  context.dropout_rate = 0.3;
  const at::Tensor tokens_BT = at::arange(60, at::kLong).mul(5).remainder(23).view({5, 12});
  const at::Tensor loss = testing::next_token_loss(
      model, tokens_BT, at::tensor({12, 5, 9, 12, 12}, at::kLong), context);
  loss.backward();
  std::vector<at::Tensor> result{loss.detach()};
  for (const NamedParameter& parameter : model.parameters()) {
    result.push_back(parameter.tensor.grad());
  }
  return result;
}

TEST(ActivationCheckpointing, KeepsTheBits) {
  for (const auto& [type, experts] :
       {std::pair(CouplerType::gnn, 3), std::pair(CouplerType::gnn, 1),
        std::pair(CouplerType::hgnn, 4), std::pair(CouplerType::none, 2)}) {
    for (const ExpertPath experts_path : {ExpertPath::fused, ExpertPath::reference}) {
      for (const Precision precision : {Precision::fp32, Precision::bf16}) {
        SCOPED_TRACE(::testing::Message()
                     << to_string(type) << ", E " << experts << ", " << to_string(experts_path)
                     << ", " << to_string(precision));
        ModelConfig config = small_config(type, experts);
        config.precision = precision;
        Execution execution{CouplerPath::automatic, 0, experts_path};
        const auto expected = loss_and_gradients(config, execution);
        execution.checkpointing = ActivationCheckpointing::layer;
        const auto found = loss_and_gradients(config, execution);
        for (std::size_t i = 0; i < found.size(); ++i) {
          ASSERT_EQ(found[i].defined(), expected[i].defined()) << "tensor " << i;
          if (!found[i].defined()) continue;
          EXPECT_TRUE(at::equal(found[i], expected[i])) << "tensor " << i;
        }
      }
    }
  }
}

// In chunks a coupler computes its layers again within the layer that is computed again.
TEST(ActivationCheckpointing, GoesWithChunks) {
  const ModelConfig config = small_config(CouplerType::gnn, 4);
  Execution execution{CouplerPath::batched, 32};
  const auto expected = loss_and_gradients(config, execution);
  execution.checkpointing = ActivationCheckpointing::layer;
  const auto found = loss_and_gradients(config, execution);
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(at::equal(found[i], expected[i])) << i;
}

}  // namespace
}  // namespace hgnn_moe
