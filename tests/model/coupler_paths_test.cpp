// However a coupler is computed, by path or in chunks, it is one function.

#include <cmath>
#include <string>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "tests/support/golden_model.h"

namespace hgnn_moe {
namespace {

using testing::close;
using testing::next_token_loss;

ModelConfig small_hgnn(std::int64_t experts, std::int64_t hyperedge_size) {
  ModelConfig config;
  config.vocab_size = 29;
  config.max_seq_length = 10;
  config.embed_dim = 8;
  config.num_layers = 2;
  config.num_heads = 2;
  config.num_experts = experts;
  config.coupler_layers = 3;
  config.coupler_type = CouplerType::hgnn;
  config.weight_param = HyperedgeWeightParam::positive;
  config.hypergraph = ops::complete_uniform_hypergraph(experts, hyperedge_size);
  return config;
}

// [B, 10] ids; with 2 rows there are more tokens than features, with none of them fewer.
at::Tensor some_tokens(std::int64_t rows, std::int64_t length) {
  return at::arange(rows * length, at::kLong).mul(7).remainder(29).view({rows, length});
}

std::vector<at::Tensor> loss_and_gradients(const LanguageModel& model, const at::Tensor& tokens) {
  const at::Tensor lengths = at::full({tokens.size(0)}, tokens.size(1), at::kLong);
  const at::Tensor loss = next_token_loss(model, tokens, lengths, {});
  loss.backward();
  std::vector<at::Tensor> result{loss.detach()};
  for (const NamedParameter& parameter : model.parameters()) {
    at::Tensor tensor = parameter.tensor;
    result.push_back(tensor.grad().defined() ? tensor.grad().clone() : at::zeros_like(tensor));
    tensor.mutable_grad().reset();
  }
  return result;
}

// The projection starts at zero, where every token has the same weights.
void spread_token_weights(const LanguageModel& model) {
  const c10::NoGradGuard no_grad;
  for (const NamedParameter& parameter : model.parameters()) {
    if (parameter.name.find("hyperedge_weight_proj") == std::string::npos) continue;
    at::Tensor(parameter.tensor).copy_(testing::random_tensor(parameter.tensor.sizes(), 8));
  }
}

TEST(HgnnPaths, WeightsPerTokenBeginAsSharedOnes) {
  const at::Tensor tokens = some_tokens(2, 10);
  ModelConfig config = small_hgnn(4, 2);
  const LanguageModel shared(config, 3, at::kDouble, at::kCPU);
  config.weight_source = HyperedgeWeightSource::token;
  const LanguageModel per_token(config, 3, at::kDouble, at::kCPU);
  const auto expected = loss_and_gradients(shared, tokens)[0];
  EXPECT_TRUE(close(loss_and_gradients(per_token, tokens)[0], expected, 100));
  spread_token_weights(per_token);
  const double moved = loss_and_gradients(per_token, tokens)[0].item<double>();
  EXPECT_GT(std::abs(moved - expected.item<double>()), 1e-6);
}

TEST(HgnnPaths, AgreeInLossAndEveryGradient) {
  for (const std::int64_t experts : {2, 3, 4, 5, 8}) {
    for (const bool gelu : {false, true}) {
      for (const bool residual : {false, true}) {
        for (const std::int64_t length : {3, 10}) {  // fewer and more tokens than features
          ModelConfig config = small_hgnn(experts, experts == 2 ? 2 : experts - 1);
          config.weight_source =
              experts % 2 == 0 ? HyperedgeWeightSource::token : HyperedgeWeightSource::shared;
          config.activation = gelu ? HgnnActivation::gelu : HgnnActivation::none;
          config.residual = residual;
          config.weighting = residual ? ops::Weighting::paper : ops::Weighting::pyg;
          const at::Tensor tokens = some_tokens(2, length);
          const auto run = [&](CouplerPath path) {
            const LanguageModel model(config, 3, at::kDouble, at::kCPU, {path});
            spread_token_weights(model);
            return loss_and_gradients(model, tokens);
          };
          const auto expected = run(CouplerPath::sequential);
          for (const CouplerPath path : {CouplerPath::batched, CouplerPath::collapsed}) {
            if (path == CouplerPath::collapsed && !config.can_collapse()) continue;
            SCOPED_TRACE(::testing::Message()
                         << to_string(path) << ", E " << experts << ", gelu " << gelu
                         << ", residual " << residual << ", T " << length);
            const auto actual = run(path);
            for (std::size_t i = 0; i < actual.size(); ++i) {
              EXPECT_TRUE(close(actual[i], expected[i], 1e3)) << "tensor " << i;
            }
          }
        }
      }
    }
  }
}

TEST(HgnnPaths, ActivationAndResidualChangeTheModel) {
  const at::Tensor tokens = some_tokens(2, 10);
  std::vector<double> losses;
  for (const bool gelu : {false, true}) {
    for (const bool residual : {false, true}) {
      ModelConfig config = small_hgnn(4, 2);
      config.activation = gelu ? HgnnActivation::gelu : HgnnActivation::none;
      config.residual = residual;
      const LanguageModel model(config, 3, at::kDouble, at::kCPU);
      EXPECT_EQ(model.coupler_path(),
                gelu || residual ? CouplerPath::batched : CouplerPath::collapsed);
      losses.push_back(loss_and_gradients(model, tokens)[0].item<double>());
    }
  }
  for (std::size_t i = 0; i < losses.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_GT(std::abs(losses[i] - losses[j]), 1e-9);
  }
}

// All couplers that compute layers for all tokens.
std::vector<std::pair<std::string, ModelConfig>> batched_models() {
  std::vector<std::pair<std::string, ModelConfig>> models;
  for (const bool per_token : {false, true}) {
    ModelConfig config = small_hgnn(4, 2);
    config.weight_source = per_token ? HyperedgeWeightSource::token : HyperedgeWeightSource::shared;
    models.emplace_back(per_token ? "linear, per token" : "linear", config);
    config.activation = HgnnActivation::gelu;
    config.residual = true;
    models.emplace_back(per_token ? "gelu, per token" : "gelu", config);
  }
  ModelConfig gnn = small_hgnn(3, 2);
  gnn.coupler_type = CouplerType::gnn;
  models.emplace_back("GNN", gnn);
  gnn.precision = Precision::bf16;
  models.emplace_back("GNN in bf16", gnn);
  return models;
}

// Only the gradients of the coupler's own layers are sums over chunks; all else keeps its bits.
TEST(CouplerChunks, KeepTheBits) {
  const at::Tensor tokens = some_tokens(10, 10);
  const int threads_before = at::get_num_threads();
  at::set_num_threads(2);  // products of few rows are rounded differently with several
  for (auto& [name, config] : batched_models()) {
    config.embed_dim = 64;
    const auto run = [&, &model_config = config](std::int64_t chunk) {
      const LanguageModel model(model_config, 3, at::kFloat, at::kCPU,
                                {CouplerPath::batched, chunk});
      spread_token_weights(model);
      return std::pair(loss_and_gradients(model, tokens), model.parameters());
    };
    const auto [whole, parameters] = run(0);
    for (const std::int64_t chunk : {32, 33, 35, 41, 48, 50, 64, 99, 100, 1000}) {
      SCOPED_TRACE(::testing::Message() << name << ", chunk " << chunk);
      const auto actual = run(chunk).first;
      EXPECT_TRUE(at::equal(actual[0], whole[0])) << "loss";
      for (std::size_t i = 1; i < actual.size(); ++i) {
        const std::string& parameter = parameters[i - 1].name;
        const bool is_summed = parameter.find("_layers_module.") != std::string::npos ||
                               parameter.find("hyperedge_weights") != std::string::npos;
        // bf16 sums are rounded to bf16 where a chunk ends.
        const bool bf16 = config.precision == Precision::bf16;
        if (is_summed && chunk < 100) {
          EXPECT_TRUE(close(bf16 ? actual[i].to(at::kBFloat16) : actual[i], whole[i], 10))
              << parameter;
        } else {
          EXPECT_TRUE(at::equal(actual[i], whole[i])) << parameter;
        }
      }
    }
  }
  at::set_num_threads(threads_before);
}

// The optimizer leaves a parameter without a gradient as it is and decays one whose gradient is 0.
TEST(CouplerChunks, WhatIsNeverUsedHasNoGradient) {
  ModelConfig config = small_hgnn(1, 2);
  config.coupler_type = CouplerType::gnn;  // of one expert, who hears nobody
  config.num_layers = config.coupler_layers = 1;
  const at::Tensor tokens = some_tokens(10, 10);
  const auto without_gradient = [&](std::int64_t chunk) {
    const LanguageModel model(config, 3, at::kFloat, at::kCPU, {CouplerPath::batched, chunk});
    next_token_loss(model, tokens, at::full({10}, 10, at::kLong), {}).backward();
    std::vector<std::string> names;
    for (const NamedParameter& parameter : model.parameters()) {
      if (!parameter.tensor.grad().defined()) names.push_back(parameter.name);
    }
    return names;
  };
  const std::vector<std::string> expected = without_gradient(0);
  EXPECT_EQ(expected.size(), 5u) << "both of neighbor_transform, both of the gate, the adjacency";
  for (const std::int64_t chunk : {32, 64, 99}) EXPECT_EQ(without_gradient(chunk), expected);
}

}  // namespace
}  // namespace hgnn_moe
