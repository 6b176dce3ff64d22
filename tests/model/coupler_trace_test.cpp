// What an observer of the layers sees, against the formulas of docs/model.md.
#include <map>
#include <string>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/support/noisy_model.h"
#include "tests/support/tensors.h"

#include "hgnn_moe/model/language_model.h"

namespace hgnn_moe {
namespace {

using testing::close;

constexpr std::int64_t kExperts = 3, kDim = 8;

ModelConfig config_of(CouplerType type) {
  ModelConfig config;
  config.vocab_size = 29;
  config.max_seq_length = 10;
  config.embed_dim = kDim;
  config.num_layers = 2;
  config.num_heads = 2;
  config.num_experts = kExperts;
  config.coupler_layers = 2;
  config.coupler_type = type;
  if (type == CouplerType::hgnn) {
    config.hypergraph = {kExperts, {{0, 1}, {1, 2}}};
    config.activation = HgnnActivation::gelu;
    config.residual = true;
  }
  return config;
}

LanguageModel make_model(const ModelConfig& config, const Execution& execution = {},
                         at::ScalarType type = at::kDouble) {
  LanguageModel model(config, 3, type, at::kCPU, execution);
  testing::add_noise(model, 0.3);
  return model;
}

struct Seen {
  at::Tensor experts_NED, input_ND;
  CouplerTrace trace;
};

std::vector<Seen> observe(const LanguageModel& model) {
  const c10::NoGradGuard no_grad;
  std::vector<Seen> seen;
  const LayerObserver observer = [&](std::int64_t layer, const at::Tensor& experts_NED,
                                     const at::Tensor& input_ND) {
    EXPECT_EQ(layer, static_cast<std::int64_t>(seen.size()));
    const Coupler* coupler = model.layers()[layer].coupler();
    seen.push_back({experts_NED, input_ND,
                    coupler == nullptr ? CouplerTrace{} : coupler->trace(experts_NED, input_ND)});
  };
  ForwardContext context;
  context.observer = &observer;
  const at::Tensor tokens = at::arange(40, at::kLong).mul(7).remainder(29).view({4, 10});
  const at::Tensor watched = model.hidden(tokens, context);
  EXPECT_TRUE(at::equal(watched, model.hidden(tokens, ForwardContext{}))) << "watching changes it";
  return seen;
}

at::Tensor parameter(const LanguageModel& model, const std::string& name) {
  for (const NamedParameter& p : model.parameters()) {
    if (p.name == name) return p.tensor.detach();
  }
  ADD_FAILURE() << "no parameter " << name;
  return {};
}

// P of two pairs {0, 1} and {1, 2} with weights w, weighting pyg.
at::Tensor two_pairs(const at::Tensor& w) {
  const double a = w[0].item<double>(), b = w[1].item<double>();
  return at::tensor({0.5 / a, 0.5 / a, 0.0,                      //
                     0.5 / (a + b), 1 / (a + b), 0.5 / (a + b),  //
                     0.0, 0.5 / b, 0.5 / b},
                    at::kDouble)
      .view({3, 3});
}

TEST(CouplerTrace, OfAnHgnnWithTokenWeights) {
  ModelConfig config = config_of(CouplerType::hgnn);
  config.weight_source = HyperedgeWeightSource::token;
  const LanguageModel model = make_model(config);
  const std::vector<Seen> seen = observe(model);
  ASSERT_EQ(seen.size(), 2u);
  for (std::size_t l = 0; l < 2; ++l) {
    const std::string prefix = "model_layers." + std::to_string(l) + ".coupler.";
    const at::Tensor w_NM = at::softplus(
        at::linear(seen[l].input_ND, parameter(model, prefix + "hyperedge_weight_proj.weight"),
                   parameter(model, prefix + "hyperedge_weights")));
    std::vector<at::Tensor> mixing, features;
    for (std::int64_t n = 0; n < w_NM.size(0); ++n) {
      const at::Tensor p_EE = two_pairs(w_NM[n]);
      at::Tensor x_ED = seen[l].experts_NED[n];
      for (int g = 0; g < 2; ++g) {
        const std::string conv = prefix + "hgnn_layers_module." + std::to_string(g) + ".conv.";
        const at::Tensor theta_DD = parameter(model, conv + "lin.weight");
        x_ED = x_ED +
               at::gelu(at::mm(at::mm(p_EE, x_ED), theta_DD.t()) + parameter(model, conv + "bias"));
      }
      mixing.push_back(p_EE);
      features.push_back(x_ED);
    }
    const CouplerTrace& trace = seen[l].trace;
    ASSERT_EQ(trace.mixing_EE.size(), 1u);
    EXPECT_TRUE(close(trace.mixing_EE[0], at::stack(mixing).mean(0), 100));
    EXPECT_TRUE(close(trace.hyperedge_weights_M, w_NM.mean(0), 100));
    EXPECT_TRUE(close(trace.features_NED, at::stack(features), 1e3));
    EXPECT_TRUE(trace.adjacency_EE.empty());
  }
}

TEST(CouplerTrace, OfAnHgnnWithSharedWeightsOnEveryPath) {
  ModelConfig config = config_of(CouplerType::hgnn);
  config.activation = HgnnActivation::none;
  config.residual = false;
  for (const CouplerPath path :
       {CouplerPath::collapsed, CouplerPath::batched, CouplerPath::sequential}) {
    const LanguageModel model = make_model(config, {path});
    const Seen seen = observe(model).front();
    const at::Tensor w_M =
        at::softplus(parameter(model, "model_layers.0.coupler.hyperedge_weights"));
    const at::Tensor p_EE = two_pairs(w_M);
    at::Tensor x_NED = seen.experts_NED;
    for (int g = 0; g < 2; ++g) {
      const std::string conv =
          "model_layers.0.coupler.hgnn_layers_module." + std::to_string(g) + ".conv.";
      x_NED = at::linear(at::matmul(p_EE, x_NED), parameter(model, conv + "lin.weight"),
                         parameter(model, conv + "bias"));
    }
    EXPECT_TRUE(close(seen.trace.hyperedge_weights_M, w_M, 10));
    EXPECT_TRUE(close(seen.trace.mixing_EE.at(0), p_EE, 10));
    EXPECT_TRUE(close(seen.trace.features_NED, x_NED, 1e3));
  }
}

TEST(CouplerTrace, OfAGnn) {
  const LanguageModel model = make_model(config_of(CouplerType::gnn));
  const Seen seen = observe(model).front();
  at::Tensor x_NED = seen.experts_NED;
  ASSERT_EQ(seen.trace.mixing_EE.size(), 2u);
  ASSERT_EQ(seen.trace.adjacency_EE.size(), 2u);
  for (int g = 0; g < 2; ++g) {
    const std::string prefix =
        "model_layers.0.coupler.gnn_layers_module." + std::to_string(g) + ".";
    const auto of = [&](const std::string& name) { return parameter(model, prefix + name); };
    const at::Tensor adjacency_EE = at::sigmoid(of("adjacency_logits"));
    const at::Tensor halves_2D = of("message_weight.weight").view({2, kDim});
    const at::Tensor a_NE = at::matmul(x_NED, halves_2D[0]), b_NE = at::matmul(x_NED, halves_2D[1]);
    const at::Tensor gate_NEE =
        at::sigmoid(a_NE.unsqueeze(2) + b_NE.unsqueeze(1) + of("message_weight.bias"));
    const at::Tensor k_NEE = adjacency_EE * gate_NEE * (1 - at::eye(kExperts, at::kDouble));
    const auto transform = [&](const std::string& name, const at::Tensor& x) {
      return at::linear(x, of(name + ".weight"), of(name + ".bias"));
    };
    EXPECT_TRUE(close(seen.trace.adjacency_EE[g], adjacency_EE, 10));
    EXPECT_TRUE(close(seen.trace.mixing_EE[g], k_NEE.mean(0), 100)) << "coupler layer " << g;
    x_NED = x_NED + at::gelu(transform("neighbor_transform", at::matmul(k_NEE, x_NED)) +
                             transform("self_transform", x_NED));
  }
  EXPECT_TRUE(close(seen.trace.features_NED, x_NED, 1e3));
  EXPECT_FALSE(seen.trace.hyperedge_weights_M.defined());
}

// Updates that were captured before would not know of them.
TEST(CouplerTrace, LeavesNoRoundedWeightsBehind) {
  ModelConfig config = config_of(CouplerType::hgnn);
  config.activation = HgnnActivation::none;
  config.residual = false;
  config.precision = Precision::bf16;
  const LanguageModel model = make_model(config, {CouplerPath::collapsed}, at::kFloat);
  const auto rounded = [&] {
    std::vector<std::string> names;
    for (const NamedParameter& p : model.parameters()) {
      if (p.rounded->to_update().defined()) names.push_back(p.name);
    }
    return names;
  };
  const c10::NoGradGuard no_grad;
  model.hidden(at::arange(10, at::kLong).view({1, 10}), ForwardContext{});
  const std::vector<std::string> before = rounded();
  EXPECT_FALSE(before.empty());
  observe(model);
  EXPECT_EQ(rounded(), before);
}

TEST(CouplerTrace, IsEmptyWithoutAGraph) {
  ModelConfig no_hyperedge = config_of(CouplerType::hgnn);
  no_hyperedge.hypergraph.hyperedges.clear();
  for (const ModelConfig& config :
       {no_hyperedge, config_of(CouplerType::mean), config_of(CouplerType::none)}) {
    const std::vector<Seen> seen = observe(make_model(config));
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_TRUE(seen[0].trace.mixing_EE.empty());
    EXPECT_FALSE(seen[0].trace.features_NED.defined());
    EXPECT_EQ(seen[1].experts_NED.sizes(), (std::vector<std::int64_t>{40, kExperts, kDim}));
  }
}

}  // namespace
}  // namespace hgnn_moe
