#include "src/train/weight_gradients.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/train/step_cases.h"

namespace hgnn_moe {
namespace {

// A different gradient for each parameter. Returns the norms of the hyperedge weights' by layer.
std::vector<double> set_gradients(const LanguageModel& model) {
  std::vector<double> squares(static_cast<std::size_t>(model.config().num_layers), 0.0);
  int seed = 10;
  for (const NamedParameter& parameter : model.parameters()) {
    at::Tensor tensor = parameter.tensor;
    tensor.mutable_grad() = testing::random_tensor(tensor.sizes(), ++seed).to(at::kFloat);
    for (std::size_t l = 0; l < squares.size(); ++l) {
      const std::string prefix = "model_layers." + std::to_string(l) + ".coupler.hyperedge_weight";
      if (parameter.name.rfind(prefix, 0) != 0) continue;
      const at::Tensor values = tensor.grad().flatten().to(at::kDouble);
      for (std::int64_t i = 0; i < values.size(0); ++i) {
        squares[l] += std::pow(values[i].item<double>(), 2);
      }
    }
  }
  for (double& value : squares) value = std::sqrt(value);
  return squares;
}

TEST(HyperedgeWeightGradients, AreThoseOfEachLayer) {
  for (const auto source : {HyperedgeWeightSource::shared, HyperedgeWeightSource::token}) {
    ModelConfig config = step_model_config(CouplerType::hgnn);
    config.weight_source = source;
    const LanguageModel model(config, 1, at::kFloat, at::kCPU);
    const HyperedgeWeightGradients gradients(model);
    ASSERT_EQ(gradients.layers(), 2);
    const std::vector<double> expected = set_gradients(model);
    EXPECT_GT(std::abs(expected[0] - expected[1]), 1e-3);
    const at::Tensor norms_L = gradients.norms();
    ASSERT_EQ(norms_L.sizes(), (std::vector<std::int64_t>{2}));
    for (std::int64_t l = 0; l < 2; ++l) {
      EXPECT_NEAR(norms_L[l].item<double>(), expected[l], 1e-5);
    }
  }
}

TEST(HyperedgeWeightGradients, ExistWhereWeightsAreLearned) {
  ModelConfig fixed = step_model_config(CouplerType::hgnn);
  fixed.learnable_weights = false;
  ModelConfig empty = step_model_config(CouplerType::hgnn);
  empty.hypergraph.hyperedges.clear();
  for (const ModelConfig& config :
       {fixed, empty, step_model_config(CouplerType::gnn), step_model_config(CouplerType::mean),
        step_model_config(CouplerType::none)}) {
    const LanguageModel model(config, 1, at::kFloat, at::kCPU);
    EXPECT_EQ(HyperedgeWeightGradients(model).layers(), 0);
  }
}

}  // namespace
}  // namespace hgnn_moe
