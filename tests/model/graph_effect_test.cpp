#include "hgnn_moe/model/graph_effect.h"

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

TrainConfig small_hgnn(std::int64_t experts) {
  TrainConfig config;
  config.coupler_type = CouplerType::hgnn;
  config.num_experts = experts;
  config.embed_dim = 16;
  config.num_layers = 1;
  return config;
}

GraphEffect effect_of(const TrainConfig& config) {
  return graph_effect(make_model_config(config, 40)).effect;
}

TEST(GraphEffect, NoOpGraphsAreRecognised) {
  TrainConfig config = small_hgnn(4);
  const auto reason = [&] { return no_op_reason(make_model_config(config, 40)); };
  EXPECT_EQ(reason(), "");
  config.hgnn_learnable_edge_weights = false;
  EXPECT_NE(reason(), "") << "fixed weights on a complete uniform hypergraph";
  config.hgnn_learnable_edge_weights = true;
  config.static_hyperedge_strategy = HyperedgeStrategy::all;
  EXPECT_EQ(reason(), "") << "pyg: a scalar is left";
  config.hyperedge_weighting = HyperedgeWeighting::paper;
  EXPECT_NE(reason(), "");
  config.hgnn_residual = true;
  EXPECT_EQ(reason(), "") << "not linear";
  config.hgnn_residual = false;
  config.static_hyperedge_strategy = HyperedgeStrategy::all_pairs;
  EXPECT_EQ(reason(), "");
  config.num_experts = 1;
  EXPECT_NE(reason(), "");
  config.coupler_type = CouplerType::gnn;
  EXPECT_EQ(reason(), "");
}

TEST(GraphEffect, NoOpHypergraphsOfFilesAreRecognised) {
  ModelConfig config;
  config.coupler_type = CouplerType::hgnn;
  config.num_experts = 4;
  const std::vector<std::vector<std::int64_t>> ring{{0, 1}, {1, 2}, {2, 3}, {0, 3}},
      partition{{0, 2}, {1, 3}}, alone{{0}, {1}, {2}, {3}}, path{{0, 1}, {1, 2}, {2, 3}};
  const auto is_no_op = [&](const auto& hyperedges, ops::Weighting weighting, bool learnable) {
    config.hypergraph = {4, hyperedges};
    config.weighting = weighting;
    config.learnable_weights = learnable;
    return !no_op_reason(config).empty();
  };
  for (const auto& hyperedges : {ring, partition, alone}) {
    EXPECT_TRUE(is_no_op(hyperedges, ops::Weighting::pyg, false));
    EXPECT_FALSE(is_no_op(hyperedges, ops::Weighting::pyg, true));
  }
  EXPECT_TRUE(is_no_op(partition, ops::Weighting::paper, true));
  EXPECT_TRUE(is_no_op(alone, ops::Weighting::paper, true));
  EXPECT_FALSE(is_no_op(ring, ops::Weighting::paper, true));
  EXPECT_FALSE(is_no_op(path, ops::Weighting::pyg, false)) << "its ends count less";
  EXPECT_FALSE(
      is_no_op(std::vector<std::vector<std::int64_t>>{{0, 1, 2}}, ops::Weighting::pyg, false))
      << "an isolated expert is lost";
}

TEST(GraphEffect, WithoutAGraphThereIsNone) {
  TrainConfig config = small_hgnn(4);
  for (const CouplerType type : {CouplerType::none, CouplerType::mean}) {
    config.coupler_type = type;
    EXPECT_EQ(effect_of(config), GraphEffect::none);
  }
  config.num_experts = 1;
  for (const CouplerType type : {CouplerType::gnn, CouplerType::hgnn}) {
    config.coupler_type = type;
    EXPECT_EQ(effect_of(config), GraphEffect::none);
    EXPECT_EQ(graph_effect(make_model_config(config, 40)).note, "there is one expert");
  }
}

TEST(GraphEffect, LearnedGraphsOfManyHyperedgesAreActive) {
  TrainConfig config = small_hgnn(4);
  EXPECT_EQ(effect_of(config), GraphEffect::active);
  config.static_hyperedge_strategy = HyperedgeStrategy::all_triplets;
  EXPECT_EQ(effect_of(config), GraphEffect::active);
  config.coupler_type = CouplerType::gnn;
  EXPECT_EQ(effect_of(config), GraphEffect::active);
}

TEST(GraphEffect, FixedWeightsOnACompleteHypergraphAreANoOp) {
  TrainConfig config = small_hgnn(4);
  config.hgnn_learnable_edge_weights = false;
  EXPECT_EQ(effect_of(config), GraphEffect::no_op);
  config.hgnn_residual = true;
  EXPECT_EQ(effect_of(config), GraphEffect::active) << "a layer sees what the one before mixed";
}

TEST(GraphEffect, ASingleHyperedgeOnlyScalesTheMean) {
  TrainConfig config = small_hgnn(2);
  EXPECT_EQ(effect_of(config), GraphEffect::no_op);
  EXPECT_NE(graph_effect(make_model_config(config, 40)).note.find("only scale the mean"),
            std::string::npos);
  config.hgnn_residual = true;
  EXPECT_EQ(effect_of(config), GraphEffect::active) << "the mean is added to something then";
  config.hgnn_residual = false;
  config.hyperedge_weight_source = HyperedgeWeightSource::token;
  EXPECT_EQ(effect_of(config), GraphEffect::active) << "a factor of each token is no matrix's";
  config = small_hgnn(3);
  EXPECT_EQ(effect_of(config), GraphEffect::active);
  config.static_hyperedge_strategy = HyperedgeStrategy::all_triplets;
  EXPECT_EQ(effect_of(config), GraphEffect::no_op);
}

TEST(GraphEffect, TooFewExpertsForTheStrategyAreANoOp) {
  TrainConfig config = small_hgnn(2);
  config.static_hyperedge_strategy = HyperedgeStrategy::all_triplets;
  EXPECT_EQ(effect_of(config), GraphEffect::no_op);
}

TEST(GraphEffect, WeightsThatCancelAreToldFromThoseThatMatter) {
  TrainConfig config = small_hgnn(2);
  config.hyperedge_weighting = HyperedgeWeighting::paper;
  config.hgnn_residual = true;
  EXPECT_EQ(effect_of(config), GraphEffect::weights_cancel);
  config.hgnn_learnable_edge_weights = false;
  EXPECT_EQ(effect_of(config), GraphEffect::active) << "there are no weights to cancel";
  config.hgnn_learnable_edge_weights = true;
  config.num_experts = 3;
  EXPECT_EQ(effect_of(config), GraphEffect::active);
}

TEST(GraphEffect, NamesAreThoseOfTheTables) {
  EXPECT_STREQ(name_of(GraphEffect::none), "none");
  EXPECT_STREQ(name_of(GraphEffect::active), "active");
  EXPECT_STREQ(name_of(GraphEffect::no_op), "no_op");
  EXPECT_STREQ(name_of(GraphEffect::weights_cancel), "weights_cancel");
}

}  // namespace
}  // namespace hgnn_moe
