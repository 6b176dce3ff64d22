#include "hgnn_moe/train/verify_coupler.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

ModelConfig small_config(CouplerType type) {
  ModelConfig config;
  config.vocab_size = 23;
  config.max_seq_length = 8;
  config.embed_dim = 8;
  config.num_layers = 2;
  config.num_heads = 2;
  config.num_experts = 4;
  config.coupler_layers = 2;
  config.coupler_type = type;
  if (type == CouplerType::hgnn) config.hypergraph = ops::complete_uniform_hypergraph(4, 2);
  return config;
}

DeviceBatch some_batch() {
  data::Batch batch;
  batch.size = 2;
  batch.length = 6;
  batch.real_targets = 10;
  for (std::int64_t i = 0; i < 12; ++i) {
    batch.tokens.push_back(i * 5 % 23);
    batch.targets.push_back(i % 6 == 5 ? data::kNoTarget : (i * 5 + 5) % 23);
  }
  batch.lengths = {6, 6};
  return to_device(batch, 0, at::kCPU);
}

ForwardContext training_context(const DeviceBatch& batch) {
  ForwardContext context;
  context.training = true;
  context.dropout_rate = 0.1;
  context.sample_indices_B = batch.sample_indices_B;
  return context;
}

TEST(VerifyCoupler, PathsOfOneModelAgree) {
  const DeviceBatch batch = some_batch();
  for (const CouplerType type : {CouplerType::gnn, CouplerType::hgnn, CouplerType::mean}) {
    const LanguageModel model(small_config(type), 4, at::kFloat, at::kCPU);
    EXPECT_NO_THROW(verify_coupler(model, batch, training_context(batch)));
    for (const NamedParameter& parameter : model.parameters()) {
      EXPECT_FALSE(parameter.tensor.grad().defined()) << "training starts without gradients";
    }
  }
}

// The smallest parts of a coupler that a wrong path would get wrong.
TEST(VerifyCoupler, ADifferenceInTheCouplerIsNamed) {
  const DeviceBatch batch = some_batch();
  const LanguageModel model(small_config(CouplerType::hgnn), 4, at::kFloat, at::kCPU);
  for (const char* name : {"model_layers.0.coupler.hyperedge_weights",
                           "model_layers.1.coupler.hgnn_layers_module.0.conv.bias"}) {
    const LanguageModel other(small_config(CouplerType::hgnn), 4, at::kFloat, at::kCPU);
    for (const NamedParameter& parameter : other.parameters()) {
      const c10::NoGradGuard no_grad;
      if (parameter.name == name) at::Tensor(parameter.tensor)[0].add_(1.0);
    }
    const std::string difference = coupler_difference(model, other, batch, training_context(batch));
    EXPECT_NE(difference, "") << name;
  }
}

TEST(VerifyCoupler, NotANumberIsADifference) {
  const DeviceBatch batch = some_batch();
  const LanguageModel model(small_config(CouplerType::hgnn), 4, at::kFloat, at::kCPU);
  const LanguageModel other(small_config(CouplerType::hgnn), 4, at::kFloat, at::kCPU);
  const c10::NoGradGuard no_grad;
  at::Tensor(other.parameters().front().tensor).fill_(std::numeric_limits<float>::quiet_NaN());
  const c10::AutoGradMode with_grad(true);
  EXPECT_NE(coupler_difference(model, other, batch, training_context(batch)), "");
}

}  // namespace
}  // namespace hgnn_moe
