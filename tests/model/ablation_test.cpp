// A model without a part equals the formulas of docs/model.md for what is left.
#include "hgnn_moe/model/ablation.h"

#include <map>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/support/noisy_model.h"
#include "tests/support/tensors.h"

namespace hgnn_moe {
namespace {

using testing::close;
using Hyperedges = std::vector<std::vector<std::int64_t>>;

constexpr std::int64_t kDim = 8;

ModelConfig config_of(CouplerType type, std::int64_t experts, const Hyperedges& hyperedges = {}) {
  ModelConfig config;
  config.vocab_size = 29;
  config.max_seq_length = 10;
  config.embed_dim = kDim;
  config.num_layers = 1;
  config.num_heads = 2;
  config.num_experts = experts;
  config.coupler_layers = 2;
  config.coupler_type = type;
  if (type == CouplerType::hgnn) config.hypergraph = {experts, hyperedges};
  return config;
}

LanguageModel make_model(const ModelConfig& config, const Execution& execution = {}) {
  LanguageModel model(config, 3, at::kDouble, at::kCPU, execution);
  testing::add_noise(model, 0.3);
  return model;
}

std::map<std::string, at::Tensor> values_of(const LanguageModel& model) {
  std::map<std::string, at::Tensor> values;
  for (const NamedParameter& p : model.parameters()) values[p.name] = p.tensor.detach().clone();
  return values;
}

const Ablation& named(const std::vector<Ablation>& ablations, const std::string& name) {
  for (const Ablation& ablation : ablations) {
    if (ablation.name == name) return ablation;
  }
  ADD_FAILURE() << "no ablation " << name;
  return ablations.at(0);
}

LanguageModel without(const LanguageModel& model, const std::string& name) {
  return ablated_model(model, named(possible_ablations(model.config()), name));
}

// One layer by hand: from what the experts of the whole model say.
class ByHand {
 public:
  explicit ByHand(const LanguageModel& model) : values_(values_of(model)) {
    const LayerObserver observer = [&](std::int64_t, const at::Tensor& experts_NED,
                                       const at::Tensor& input_ND) {
      experts_NED_ = experts_NED;
      input_ND_ = input_ND;
    };
    ForwardContext context;
    context.observer = &observer;
    const c10::NoGradGuard no_grad;
    model.hidden(tokens(), context);
  }

  static at::Tensor tokens() {
    return at::arange(40, at::kLong).mul(7).remainder(29).view({4, 10});
  }

  at::Tensor experts(const std::vector<std::int64_t>& left) const {
    return experts_NED_.index_select(1, at::tensor(left, at::kLong));
  }

  at::Tensor value(const std::string& name) const {
    return values_.at("model_layers.0.coupler." + name);
  }

  at::Tensor transform(const std::string& name, const at::Tensor& x) const {
    return at::linear(x, value(name + ".weight"), value(name + ".bias"));
  }

  // The layers of an HGNN with this P.
  at::Tensor convolve(at::Tensor x_NED, const at::Tensor& p_EE) const {
    for (int g = 0; g < 2; ++g) {
      const std::string conv = "hgnn_layers_module." + std::to_string(g) + ".conv.";
      x_NED = at::linear(at::matmul(p_EE, x_NED), value(conv + "lin.weight"), value(conv + "bias"));
    }
    return x_NED;
  }

  // From the experts' features after the coupler's layers to the model's output.
  at::Tensor finish(const at::Tensor& x_NED) const {
    const at::Tensor z_ND = at::gelu(transform("combiner.0", x_NED.mean(1)));
    const at::Tensor coupled_ND =
        at::layer_norm(z_ND, {kDim}, value("combiner.2.weight"), value("combiner.2.bias"), 1e-5);
    return normalise(input_ND_ + coupled_ND);
  }

  at::Tensor normalise(const at::Tensor& x_ND) const {
    return at::layer_norm(x_ND, {kDim}, values_.at("output_norm.weight"),
                          values_.at("output_norm.bias"), 1e-5)
        .view({4, 10, kDim});
  }

 private:
  std::map<std::string, at::Tensor> values_;
  at::Tensor experts_NED_, input_ND_;
};

at::Tensor output(const LanguageModel& model) {
  const c10::NoGradGuard no_grad;
  return model.hidden(ByHand::tokens(), ForwardContext{});
}

// P of weighting pyg, hyperedge by hyperedge.
at::Tensor mixing(std::int64_t experts, const Hyperedges& hyperedges, const at::Tensor& weights_M) {
  at::Tensor p_EE = at::zeros({experts, experts}, at::kDouble),
             d_E = at::zeros({experts}, at::kDouble);
  for (std::size_t m = 0; m < hyperedges.size(); ++m) {
    for (const std::int64_t i : hyperedges[m]) {
      d_E[i].add_(weights_M[static_cast<std::int64_t>(m)]);
      for (const std::int64_t j : hyperedges[m]) {
        p_EE[i][j].add_(1.0 / static_cast<double>(hyperedges[m].size()));
      }
    }
  }
  for (std::int64_t i = 0; i < experts; ++i) {
    if (d_E[i].item<double>() != 0) p_EE[i].div_(d_E[i]);
  }
  return p_EE;
}

constexpr CouplerPath kPaths[] = {CouplerPath::collapsed, CouplerPath::batched,
                                  CouplerPath::sequential};

TEST(Ablation, AnExpertLeavesItsHyperedges) {
  for (const CouplerPath path : kPaths) {
    const LanguageModel model =
        make_model(config_of(CouplerType::hgnn, 4, {{0, 1}, {1, 2, 3}, {0, 3}}), {path});
    const LanguageModel left = without(model, "expert-1");
    EXPECT_EQ(left.coupler_path(), path);
    // {0, 1} goes, {1, 2, 3} becomes {2, 3}; 0, 2, 3 are now 0, 1, 2.
    EXPECT_EQ(left.config().hypergraph.hyperedges, (Hyperedges{{1, 2}, {0, 2}}));
    const ByHand hand(model);
    const at::Tensor w_M = at::softplus(hand.value("hyperedge_weights"));
    const at::Tensor p_EE = mixing(3, {{1, 2}, {0, 2}}, w_M.slice(0, 1));
    const at::Tensor expected = hand.finish(hand.convolve(hand.experts({0, 2, 3}), p_EE));
    EXPECT_TRUE(close(output(left), expected, 1e3)) << to_string(path);
  }
}

TEST(Ablation, AnExpertOfNoHyperedgeLeavesTheReadout) {
  const LanguageModel model = make_model(config_of(CouplerType::hgnn, 3, {{0, 1}}));
  const ByHand hand(model);
  const at::Tensor p_EE = mixing(2, {{0, 1}}, at::softplus(hand.value("hyperedge_weights")));
  const at::Tensor expected = hand.finish(hand.convolve(hand.experts({0, 1}), p_EE));
  EXPECT_TRUE(close(output(without(model, "expert-2")), expected, 1e3));
}

// With the last hyperedge the convolutions go, as in any HGNN without hyperedges.
TEST(Ablation, AHyperedgeLeavesItsExperts) {
  const LanguageModel model = make_model(config_of(CouplerType::hgnn, 3, {{0, 1}, {1, 2}}));
  const ByHand hand(model);
  const at::Tensor w_M = at::softplus(hand.value("hyperedge_weights"));
  const at::Tensor all_NED = hand.experts({0, 1, 2});
  const LanguageModel left = without(model, "hyperedge-0");
  EXPECT_TRUE(close(output(left),
                    hand.finish(hand.convolve(all_NED, mixing(3, {{1, 2}}, w_M.slice(0, 1)))),
                    1e3));
  EXPECT_TRUE(close(output(without(left, "hyperedge-0")), hand.finish(all_NED), 1e3));
}

TEST(Ablation, TheCouplersLayers) {
  for (const CouplerType type : {CouplerType::gnn, CouplerType::hgnn}) {
    const LanguageModel model = make_model(config_of(type, 3, {{0, 1}, {1, 2}}));
    const ByHand hand(model);
    const LanguageModel left = without(model, "coupler");
    EXPECT_EQ(left.config().coupler_type, CouplerType::mean);
    EXPECT_TRUE(close(output(left), hand.finish(hand.experts({0, 1, 2})), 1e3));
  }
}

TEST(Ablation, AnExpertLeavesTheAdjacency) {
  const LanguageModel model = make_model(config_of(CouplerType::gnn, 4));
  const ByHand hand(model);
  const std::vector<std::int64_t> experts = {0, 1, 3};
  const at::Tensor left_E = at::tensor(experts, at::kLong);
  at::Tensor x_NED = hand.experts(experts);
  for (int g = 0; g < 2; ++g) {
    const std::string layer = "gnn_layers_module." + std::to_string(g) + ".";
    const at::Tensor logits_EE =
        hand.value(layer + "adjacency_logits").index_select(0, left_E).index_select(1, left_E);
    const at::Tensor halves_2D = hand.value(layer + "message_weight.weight").view({2, kDim});
    const at::Tensor gates_NEE = at::sigmoid(at::matmul(x_NED, halves_2D[0]).unsqueeze(2) +
                                             at::matmul(x_NED, halves_2D[1]).unsqueeze(1) +
                                             hand.value(layer + "message_weight.bias"));
    const at::Tensor k_NEE = at::sigmoid(logits_EE) * gates_NEE * (1 - at::eye(3, at::kDouble));
    x_NED =
        x_NED + at::gelu(hand.transform(layer + "neighbor_transform", at::matmul(k_NEE, x_NED)) +
                         hand.transform(layer + "self_transform", x_NED));
  }
  EXPECT_TRUE(close(output(without(model, "expert-2")), hand.finish(x_NED), 1e3));
}

TEST(Ablation, AnExpertOfTheBaselines) {
  const LanguageModel mean = make_model(config_of(CouplerType::mean, 2));
  const ByHand mean_hand(mean);
  EXPECT_TRUE(
      close(output(without(mean, "expert-0")), mean_hand.finish(mean_hand.experts({1})), 1e3));
  const LanguageModel none = make_model(config_of(CouplerType::none, 3));
  const ByHand none_hand(none);
  const at::Tensor expected = none_hand.normalise(none_hand.experts({0, 2}).mean(1));
  EXPECT_TRUE(close(output(without(none, "expert-1")), expected, 1e3));
}

// In every layer, to the bit, and with weights a token too.
TEST(Ablation, EveryValueIsThatOfTheWholeModel) {
  ModelConfig config = config_of(CouplerType::hgnn, 3, {{0, 1}, {1, 2}, {0, 1, 2}});
  config.num_layers = 2;
  config.weight_source = HyperedgeWeightSource::token;
  const LanguageModel model = make_model(config);
  const auto before = values_of(model);
  const auto left = values_of(without(model, "expert-0"));
  const std::vector<std::int64_t> kept = {1, 2};  // {1, 2} and what was {0, 1, 2}
  std::size_t checked = 0;
  for (const std::string layer : {"model_layers.0.", "model_layers.1."}) {
    for (const std::string part : {"norm1.weight", "attention.in_proj_weight", "ffn.3.bias"}) {
      EXPECT_TRUE(
          at::equal(left.at(layer + "experts.0." + part), before.at(layer + "experts.1." + part)));
      EXPECT_TRUE(
          at::equal(left.at(layer + "experts.1." + part), before.at(layer + "experts.2." + part)));
    }
    for (const std::string part : {"hyperedge_weights", "hyperedge_weight_proj.weight"}) {
      const at::Tensor rows =
          before.at(layer + "coupler." + part).index_select(0, at::tensor(kept, at::kLong));
      EXPECT_TRUE(at::equal(left.at(layer + "coupler." + part), rows)) << part;
    }
  }
  for (const auto& [name, value] : left) {
    if (name.find(".experts.") != std::string::npos ||
        name.find("hyperedge_w") != std::string::npos) {
      continue;
    }
    EXPECT_TRUE(at::equal(value, before.at(name))) << name;
    ++checked;
  }
  EXPECT_GT(checked, 10u);
  for (const auto& [name, value] : values_of(model)) {
    EXPECT_TRUE(at::equal(value, before.at(name))) << name << " of the whole model changed";
  }
}

std::vector<std::string> names(const ModelConfig& config) {
  std::vector<std::string> result;
  for (const Ablation& ablation : possible_ablations(config)) result.push_back(ablation.name);
  return result;
}

TEST(Ablation, WhatCanBeRemoved) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(config_of(CouplerType::hgnn, 2, {{0, 1}})),
            (Names{"coupler", "expert-0", "expert-1", "hyperedge-0"}));
  EXPECT_EQ(names(config_of(CouplerType::hgnn, 2)), (Names{"expert-0", "expert-1"}));
  EXPECT_EQ(names(config_of(CouplerType::gnn, 2)), (Names{"coupler", "expert-0", "expert-1"}));
  EXPECT_EQ(names(config_of(CouplerType::gnn, 1)), Names{"coupler"});
  EXPECT_EQ(names(config_of(CouplerType::mean, 2)), (Names{"expert-0", "expert-1"}));
  EXPECT_EQ(names(config_of(CouplerType::mean, 1)), Names{});
  EXPECT_EQ(names(config_of(CouplerType::none, 1)), Names{});
}

TEST(Ablation, WhatIsSaid) {
  const ModelConfig config = config_of(CouplerType::hgnn, 3, {{0, 1}, {1, 2}, {0, 1, 2}, {0}});
  const std::vector<Ablation> ablations = possible_ablations(config);
  EXPECT_EQ(named(ablations, "coupler").removed, "the layers of every coupler");
  EXPECT_EQ(named(ablations, "expert-1").removed,
            "expert 1 of every layer, and with it hyperedges 0, 1");
  EXPECT_EQ(named(ablations, "hyperedge-2").removed,
            "hyperedge 2 of every layer, experts {0, 1, 2}");
  // A hyperedge of one expert was so before: it stays as long as its expert does.
  EXPECT_EQ(ablated_config(config, named(ablations, "expert-1")).hypergraph.hyperedges,
            (Hyperedges{{0, 1}, {0}}));
  EXPECT_EQ(ablated_config(config, named(ablations, "expert-0")).hypergraph.hyperedges,
            (Hyperedges{{0, 1}, {0, 1}}));
}

}  // namespace
}  // namespace hgnn_moe
