#include "hgnn_moe/hgt/comparison_plan.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {
namespace {

HgtInput parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"hgt_embed", "compare", "folder/kg.csv"});
  return parse_hgt_command_line(static_cast<int>(arguments.size()), arguments.data());
}

std::string error_of(const std::vector<const char*>& arguments) {
  try {
    compared_runs(parse(arguments), 100);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    return error.what();
  }
  return "";
}

TEST(ComparisonPlan, EveryVariantHasEverySeedInAFolderOfItsOwn) {
  const auto runs = compared_runs(
      parse({"--compare", "messages", "--seeds", "4,7", "--hidden_dim", "16", "--checkpoint_dir",
             "runs", "--run_name", "c", "--json", "out.json", "--relation", "treats"}),
      100);
  ASSERT_EQ(runs.size(), 6u);
  const char* names[] = {"graph-seed-4", "shuffled-seed-4", "none-seed-4",
                         "graph-seed-7", "shuffled-seed-7", "none-seed-7"};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(runs[i].folder(), std::string("runs/c/") + names[i]);
    EXPECT_EQ(runs[i].config.command, HgtCommand::train);
    EXPECT_EQ(runs[i].config.seed, i < 3 ? 4 : 7);
    EXPECT_EQ(runs[i].config.messages, static_cast<HgtMessages>(i % 3));
    EXPECT_EQ(runs[i].config.hidden_dim, 16);
    EXPECT_EQ(runs[i].config.graph, "folder/kg.csv");
  }
  const Json options = options_of_run(runs[1]);
  EXPECT_EQ(options.at("messages"), "shuffled");
  EXPECT_EQ(options.at("run_name"), "shuffled-seed-4");
  for (const char* own : {"compare", "seeds", "json", "relation"}) {
    EXPECT_FALSE(options.contains(own)) << own;
  }
}

TEST(ComparisonPlan, AFullBatchIsAllTriplesAndAllNeighbours) {
  const auto runs =
      compared_runs(parse({"--num_layers", "3", "--seeds", "1", "--sampling", "edges",
                           "--batch_size", "50", "--num_negatives", "9", "--preset", "quick"}),
                    1234);
  ASSERT_EQ(runs.size(), 2u);
  const HgtConfig& mini = runs[0].config;
  const HgtConfig& full = runs[1].config;
  EXPECT_EQ(runs[0].variant, "mini");
  EXPECT_EQ(mini.batch_size, 50);
  EXPECT_EQ(mini.accumulation_steps, 4) << "of the preset";
  EXPECT_EQ(mini.sampling, HgtSampling::edges);
  EXPECT_EQ(full.batch_size, 1234);
  EXPECT_EQ(full.accumulation_steps, 1);
  EXPECT_EQ(full.sampling, HgtSampling::neighbors);
  EXPECT_EQ(neighbor_counts(full.num_neighbors), (std::vector<std::int64_t>{kAll, kAll, kAll}));
  EXPECT_EQ(full.num_negatives, 9);
  EXPECT_EQ(full.num_epochs, mini.num_epochs);
}

TEST(ComparisonPlan, DevicesAndFeatures) {
  const auto devices = compared_runs(parse({"--compare", "device", "--seeds", "1"}), 9);
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].config.device, "cpu");
  EXPECT_EQ(devices[1].config.device, "cuda");
  const auto features = compared_runs(parse({"--compare", "features"}), 9);
  ASSERT_EQ(features.size(), 9u) << "three seeds by default";
  EXPECT_EQ(features[0].config.node_features, HgtFeatures::learned);
  EXPECT_EQ(features[1].config.node_features, HgtFeatures::random);
  EXPECT_EQ(features[2].config.node_features, HgtFeatures::ones);
}

TEST(ComparisonPlan, VariantsCanBeChosen) {
  const auto runs = compared_runs(
      parse({"--compare", "messages", "--variants", "none,graph", "--seeds", "1"}), 9);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].config.messages, HgtMessages::none);
  EXPECT_EQ(runs[1].config.messages, HgtMessages::graph);
  EXPECT_FALSE(options_of_run(runs[0]).contains("variants"));
  for (const char* wrong : {"none", "none,none", "none,mini", "none,graph,x"}) {
    EXPECT_EQ(error_of({"--compare", "messages", "--variants", wrong}),
              std::string("variants is ") + wrong +
                  "; with --compare messages give two or more of graph,shuffled,none, each once");
  }
}

TEST(ComparisonPlan, ANameIsTheSameEachTime) {
  EXPECT_EQ(comparison_name(parse({"--compare", "features"}).config), "kg-compare-features");
  EXPECT_EQ(comparison_name(parse({"--run_name", "mine"}).config), "mine");
}

TEST(ComparisonPlan, MistakesAreToldTogether) {
  EXPECT_EQ(error_of({"--compare", "messages", "--messages", "none", "--seeds", "1,2,1"}),
            "messages is given, but --compare messages sets it for each run; leave it out\n"
            "seeds is 1,2,1, which has 1 more than once; give each seed once");
  EXPECT_EQ(error_of({"--compare", "features", "--node_features", "ones"}),
            "node_features is given, but --compare features sets it for each run; leave it out");
  EXPECT_EQ(error_of({"--compare", "batch", "--messages", "none"}), "");
  EXPECT_NE(error_of({"--seeds", "1,,2"}).find("seeds"), std::string::npos);
  EXPECT_NE(error_of({"--seed", "1"}).find("compare has no use for seed"), std::string::npos);
  EXPECT_NE(error_of({"--num_heads", "3"}).find("num_heads is 3"), std::string::npos);
}

}  // namespace
}  // namespace hgnn_moe::hgt
