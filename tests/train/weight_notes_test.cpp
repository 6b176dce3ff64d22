#include "hgnn_moe/train/weight_notes.h"

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

ModelConfig hgnn() {
  ModelConfig config;
  config.num_heads = 4;
  config.num_experts = 5;
  config.coupler_type = CouplerType::hgnn;
  config.hypergraph = ops::complete_uniform_hypergraph(5, 2);
  return config;
}

// What a model computes with the same tensors depends on each of these.
TEST(WeightNotes, TellModelsOfEqualTensorsApart) {
  const WeightNotes ours = weight_notes(hgnn());
  EXPECT_TRUE(note_differences(ours, ours).empty());
  struct Case {
    const char* name;
    const char* advice;  // how to compute what the file holds
    void (*change)(ModelConfig&);
  };
  const Case cases[] = {
      {"num_heads", "--num_heads 4", [](ModelConfig& c) { c.num_heads = 2; }},
      {"hyperedges_hash", "static_hyperedge_strategy",
       [](ModelConfig& c) { c.hypergraph = ops::complete_uniform_hypergraph(5, 3); }},
      {"hyperedge_weighting", "--hyperedge_weighting pyg",
       [](ModelConfig& c) { c.weighting = ops::Weighting::paper; }},
      {"hyperedge_weight_param", "--hyperedge_weight_param positive",
       [](ModelConfig& c) { c.weight_param = HyperedgeWeightParam::raw; }},
      {"hgnn_activation", "--hgnn_activation none",
       [](ModelConfig& c) { c.activation = HgnnActivation::gelu; }},
      {"hgnn_residual", "--no_hgnn_residual", [](ModelConfig& c) { c.residual = true; }},
  };
  for (const Case& c : cases) {
    ModelConfig other = hgnn();
    c.change(other);
    const auto lines = note_differences(ours, weight_notes(other));
    ASSERT_EQ(lines.size(), 1u) << c.name;
    EXPECT_EQ(lines[0].rfind(c.name, 0), 0u) << lines[0];
    EXPECT_NE(lines[0].find(c.advice), std::string::npos) << lines[0];
  }
}

TEST(WeightNotes, AFileWithoutNotesIsTheOriginals) {
  ModelConfig config = hgnn();
  EXPECT_EQ(note_differences({}, weight_notes(config)).size(), 1u) << "positive weights";
  config.weight_param = HyperedgeWeightParam::raw;
  EXPECT_TRUE(note_differences({}, weight_notes(config)).empty());
  config.activation = HgnnActivation::gelu;
  config.residual = true;
  config.weighting = ops::Weighting::paper;
  EXPECT_EQ(note_differences({}, weight_notes(config)).size(), 3u);
}

// Where the graph is not used, its options mean nothing.
TEST(WeightNotes, HoldOnlyWhatActs) {
  ModelConfig config = hgnn();
  config.learnable_weights = false;
  EXPECT_EQ(weight_notes(config).count("hyperedge_weight_param"), 0u);
  config.hypergraph = {5, {}};
  EXPECT_EQ(weight_notes(config), (WeightNotes{{"num_heads", "4"}}));
  config = hgnn();
  config.coupler_type = CouplerType::gnn;
  EXPECT_EQ(weight_notes(config), (WeightNotes{{"num_heads", "4"}}));
}

}  // namespace
}  // namespace hgnn_moe
