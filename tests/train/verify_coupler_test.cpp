#include "hgnn_moe/train/verify_coupler.h"

#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "hgnn_moe/base/error.h"

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

ForwardContext training_context() {
  ForwardContext context;
  context.training = true;
  context.dropout_rate = 0.1;
  return context;
}

TEST(VerifyCoupler, PathsOfOneModelAgree) {
  const DeviceBatch batch = some_batch();
  for (const CouplerType type : {CouplerType::gnn, CouplerType::hgnn}) {
    for (const CouplerPath path :
         {CouplerPath::automatic, CouplerPath::batched, CouplerPath::sequential}) {
      const LanguageModel model(small_config(type), 4, at::kFloat, at::kCPU, {path});
      EXPECT_NO_THROW(verify_coupler(model, batch, training_context()));
      for (const NamedParameter& parameter : model.parameters()) {
        EXPECT_FALSE(parameter.tensor.grad().defined()) << "training starts without gradients";
      }
    }
  }
}

// Raw weights nearly cancel, and bf16 then rounds both paths by much: no reason to stop.
TEST(VerifyCoupler, RoundingIsNoDifference) {
  const DeviceBatch batch = some_batch();
  for (const CouplerType type : {CouplerType::gnn, CouplerType::hgnn}) {
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
      for (const std::uint64_t seed : {0, 1, 2, 17}) {
        ModelConfig config = small_config(type);
        config.precision = precision;
        config.weight_param = HyperedgeWeightParam::raw;
        for (const CouplerPath path : {CouplerPath::automatic, CouplerPath::batched}) {
          const LanguageModel model(config, seed, at::kFloat, at::kCPU, {path});
          EXPECT_NO_THROW(verify_coupler(model, batch, training_context()))
              << to_string(precision) << ", seed " << seed << ", " << to_string(path);
        }
      }
    }
  }
}

LossAndGradients run(const LanguageModel& weights, at::ScalarType type, CouplerPath path) {
  const DeviceBatch batch = some_batch();
  const LanguageModel model(weights.config(), 4, type, at::kCPU, {path});
  for (std::size_t i = 0; i < model.parameters().size(); ++i) {
    const c10::NoGradGuard no_grad;
    at::Tensor(model.parameters()[i].tensor).copy_(weights.parameters()[i].tensor);
  }
  return loss_and_gradients(model, batch, training_context());
}

// Also those that are a millionth of the whole, such as the adjacency's.
TEST(VerifyCoupler, EveryWrongGradientOfACouplerIsNamed) {
  for (const CouplerType type : {CouplerType::gnn, CouplerType::hgnn}) {
    const LanguageModel weights(small_config(type), 4, at::kFloat, at::kCPU);
    const ParameterList& parameters = weights.parameters();
    const LossAndGradients ours = run(weights, at::kFloat, CouplerPath::automatic);
    const LossAndGradients plain = run(weights, at::kFloat, CouplerPath::sequential);
    const LossAndGradients exact = run(weights, at::kDouble, CouplerPath::sequential);
    EXPECT_EQ(coupler_difference(parameters, ours, plain, exact), "");
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i].name.find(".coupler.") == std::string::npos) continue;
      LossAndGradients wrong = ours;
      wrong.gradients[i] = 1.1 * wrong.gradients[i];
      EXPECT_NE(coupler_difference(parameters, wrong, plain, exact).find(parameters[i].name),
                std::string::npos)
          << parameters[i].name;
    }
  }
}

TEST(VerifyCoupler, AWrongLossIsNamed) {
  const LanguageModel weights(small_config(CouplerType::gnn), 4, at::kFloat, at::kCPU);
  const LossAndGradients right = run(weights, at::kDouble, CouplerPath::sequential);
  LossAndGradients wrong = right;
  wrong.loss *= 1.01;
  EXPECT_NE(coupler_difference(weights.parameters(), wrong, right, right).find("the loss is"),
            std::string::npos);
}

TEST(VerifyCoupler, NotANumberIsADifference) {
  const LanguageModel weights(small_config(CouplerType::hgnn), 4, at::kFloat, at::kCPU);
  const LossAndGradients right = run(weights, at::kDouble, CouplerPath::sequential);
  for (const std::size_t index : {std::size_t{0}, right.gradients.size() - 1}) {
    LossAndGradients wrong = right;
    wrong.gradients[index] = at::full_like(right.gradients[index], std::nan(""));
    EXPECT_NE(coupler_difference(weights.parameters(), wrong, right, right), "");
  }
  LossAndGradients wrong = right;
  wrong.loss = std::nan("");
  EXPECT_NE(coupler_difference(weights.parameters(), wrong, right, right), "");
}

// Where no path has a loss, none of them is wrong.
TEST(VerifyCoupler, ALossThatIsNotFiniteHasDiverged) {
  const LanguageModel model(small_config(CouplerType::hgnn), 4, at::kFloat, at::kCPU);
  {
    const c10::NoGradGuard no_grad;
    at::Tensor(model.parameters().front().tensor).fill_(std::nan(""));
  }
  const DeviceBatch batch = some_batch();
  try {
    verify_coupler(model, batch, training_context());
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::diverged);
  }
}

}  // namespace
}  // namespace hgnn_moe
