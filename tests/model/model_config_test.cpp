#include "hgnn_moe/model/model_config.h"

#include <fstream>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/base/test_support.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/model/language_model.h"

namespace hgnn_moe {
namespace {

TrainConfig published(CouplerType type, std::int64_t experts, std::int64_t dim, std::int64_t layers,
                      std::int64_t coupler_layers) {
  TrainConfig config;
  config.coupler_type = type;
  config.num_experts = experts;
  config.embed_dim = dim;
  config.num_layers = layers;
  config.gnn_layers = coupler_layers;
  return config;
}

// The totals that the published study lists, V = 50257 and T = 128.
TEST(ModelConfig, ParameterTotalsArePublishedOnesToTheDigit) {
  const struct {
    TrainConfig config;
    std::int64_t total;
  } cases[] = {{published(CouplerType::gnn, 2, 384, 4, 2), 55859321},
               {published(CouplerType::gnn, 4, 384, 4, 2), 70055129},
               {published(CouplerType::gnn, 8, 384, 4, 2), 98446937},
               {published(CouplerType::gnn, 4, 256, 4, 2), 39773401},
               {published(CouplerType::gnn, 4, 512, 4, 2), 107283673},
               {published(CouplerType::gnn, 4, 384, 4, 1), 68869269},
               {published(CouplerType::gnn, 4, 384, 4, 3), 71240989},
               {published(CouplerType::gnn, 4, 384, 6, 2), 85733917},
               {published(CouplerType::gnn, 4, 384, 8, 2), 101412705},
               {published(CouplerType::hgnn, 2, 384, 6, 3), 63543895},
               {published(CouplerType::hgnn, 4, 512, 8, 3), 160869505}};
  for (const auto& item : cases) {
    EXPECT_EQ(count_parameters(make_model_config(item.config, 50257)).total(), item.total);
  }
}

TEST(ModelConfig, CountsAreThoseOfTheModel) {
  for (const CouplerType type :
       {CouplerType::gnn, CouplerType::hgnn, CouplerType::mean, CouplerType::none}) {
    for (const bool learnable : {true, false}) {
      for (const std::int64_t experts : {1, 2, 4}) {
        TrainConfig config = published(type, experts, 16, 2, 3);
        config.hgnn_learnable_edge_weights = learnable;
        config.max_seq_length = 10;
        const ModelConfig model_config = make_model_config(config, 40);
        const LanguageModel model(model_config, 1, at::kFloat, at::kCPU);
        std::int64_t total = 0;
        for (const auto& parameter : model.parameters()) total += parameter.tensor.numel();
        EXPECT_EQ(count_parameters(model_config).total(), total)
            << static_cast<int>(type) << ", " << experts << " experts";
      }
    }
  }
}

TEST(ModelConfig, AProjectionForWeightsPerTokenIsCounted) {
  TrainConfig config = published(CouplerType::hgnn, 4, 16, 2, 3);
  const std::int64_t shared = count_parameters(make_model_config(config, 40)).total();
  config.hyperedge_weight_source = HyperedgeWeightSource::token;
  const ModelConfig model_config = make_model_config(config, 40);
  EXPECT_EQ(count_parameters(model_config).total(), shared + 2 * 6 * 16) << "[M, D] a layer";
  const LanguageModel model(model_config, 1, at::kFloat, at::kCPU);
  std::int64_t total = 0;
  for (const auto& parameter : model.parameters()) total += parameter.tensor.numel();
  EXPECT_EQ(total, shared + 2 * 6 * 16);
}

TEST(ModelConfig, OddHypergraphsAreNoted) {
  ModelConfig config;
  config.coupler_type = CouplerType::hgnn;
  config.num_experts = 5;
  config.hypergraph = {5, {{0, 1}, {}, {1, 2}, {0, 1}}};
  const std::vector<std::string> notes = hypergraph_notes(config);
  ASSERT_EQ(notes.size(), 3u);
  EXPECT_NE(notes[0].find("without experts do nothing: 1 of them, the first is 1"),
            std::string::npos);
  EXPECT_NE(notes[1].find("the first is 3"), std::string::npos) << notes[1];
  EXPECT_NE(notes[2].find("experts in no hyperedge: 3, 4;"), std::string::npos) << notes[2];
  config.hypergraph = ops::complete_uniform_hypergraph(5, 2);
  EXPECT_TRUE(hypergraph_notes(config).empty());
}

TEST(ModelConfig, HyperedgesFilesAreRead) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "edges.json").string();
  const auto read = [&](const std::string& text) {
    std::ofstream(path) << text;
    return read_hyperedges_file(path, 4);
  };
  EXPECT_EQ(read("[[2, 0], [1, 2, 3], []]").hyperedges,
            (std::vector<std::vector<std::int64_t>>{{0, 2}, {1, 2, 3}, {}}));
  EXPECT_EQ(read("[]").num_hyperedges(), 0);
  const struct {
    const char* text;
    const char* expected;
  } bad[] = {{"{}", "list of lists"},         {"[1]", "hyperedge 0"},
             {"[[0, 4]]", "from 0 to 3"},     {"[[0, -1]]", "from 0 to 3"},
             {"[[0, 1.5]]", "holds 1.5"},     {"[[0, 1], [2, 2]]", "expert 2 twice"},
             {"[[0, \"1\"]]", "hyperedge 0"}, {"[[0, 1]", "line 1"}};
  for (const auto& item : bad) {
    try {
      read(item.text);
      FAIL() << item.text << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      EXPECT_NE(std::string(error.what()).find(item.expected), std::string::npos) << error.what();
    }
  }
  try {
    read_hyperedges_file((folder.path() / "none.json").string(), 4);
    FAIL() << "a file that is not there was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::data);
    EXPECT_EQ(std::string(error.what()).rfind("hyperedges_file: cannot read '", 0), 0u)
        << error.what();
  }
}

}  // namespace
}  // namespace hgnn_moe
