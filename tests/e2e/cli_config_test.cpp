// What the program says to flags and configuration files, right ones and wrong ones.
#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

using data::testing::write_bytes;

class CliConfigTest : public ProgramTest {
 protected:
  // Mistakes in a configuration are found before anything is written.
  void expect_usage_error(const Flags& flags, const std::vector<std::string>& fragments) const {
    const std::vector<std::string> before = names_in(folder());
    expect_failure(run(flags), ExitCode::usage, fragments);
    EXPECT_EQ(names_in(folder()), before);
  }

  void expect_json_error(const std::string& json, const std::vector<std::string>& fragments) const {
    write_bytes(path("run.json"), json);
    expect_usage_error(tiny_synthetic().without("batch_size").with({{"config", "run.json"}}),
                       fragments);
  }
};

TEST_F(CliConfigTest, VersionNamesEverythingThatNumbersDependOn) {
  const ProcessResult result = run(Flags{{"version", ""}});
  expect_success(result);
  for (const char* part : {"hgnn_moe_train ", "commit ", "LibTorch 2.", "CUDA ", "CPU "}) {
    EXPECT_TRUE(contains(result.out, part)) << result.out;
  }
  EXPECT_EQ(result.err, "");
}

TEST_F(CliConfigTest, HelpListsOptionsWithRangesAndDefaults) {
  const ProcessResult result = run(Flags{{"help", ""}});
  expect_success(result);
  for (const char* part : {"--embed_dim N", "1 to 65536; default 256", "--no_shuffle",
                           "--resume_checkpoint", "GNN, HGNN, MEAN, NONE"}) {
    EXPECT_TRUE(contains(result.out, part)) << part;
  }
  EXPECT_EQ(result.err, "");
}

TEST_F(CliConfigTest, UnknownFlagsAreAnsweredWithTheNearestName) {
  expect_usage_error(tiny_synthetic().with({{"embed_dm", "8"}}),
                     {"there is no flag --embed_dm", "did you mean --embed_dim?"});
}

TEST_F(CliConfigTest, AFlagGivenTwiceIsRefused) {
  expect_failure(run({"--seed", "1", "--seed", "2"}), ExitCode::usage, {"seed is set twice"});
  expect_failure(run({"--shuffle", "--no_shuffle"}), ExitCode::usage, {"shuffle is set twice"});
}

TEST_F(CliConfigTest, AWordWithoutAFlagIsRefused) {
  expect_failure(run({"train"}), ExitCode::usage, {"'train' belongs to no flag"});
}

TEST_F(CliConfigTest, ValuesOutOfRangeNameTheRange) {
  expect_usage_error(tiny_synthetic().with({{"learning_rate", "-0.1"}}),
                     {"--learning_rate is \"-0.1\"", "above 0"});
  expect_usage_error(tiny_synthetic().with({{"learning_rate", "nan"}}), {"--learning_rate"});
  expect_usage_error(tiny_synthetic().with({{"dropout_rate", "1"}}),
                     {"--dropout_rate is \"1\"", "below 1"});
  expect_usage_error(tiny_synthetic().with({{"device", "tpu"}}), {"--device is \"tpu\"", "cpu"});
  expect_usage_error(tiny_synthetic().with({{"coupler_type", "HGN"}}),
                     {"--coupler_type is \"HGN\"", "did you mean HGNN?"});
  expect_usage_error(tiny_synthetic().with({{"hgnn_conv_type", "HGTConv"}}),
                     {"--hgnn_conv_type is \"HGTConv\"", "HypergraphConv"});
}

TEST_F(CliConfigTest, HeadsThatDoNotDivideTheWidthAreRefused) {
  expect_usage_error(tiny_synthetic().with({{"num_heads", "3"}}),
                     {"embed_dim (flag) is 16", "3 attention heads do not divide"});
  expect_usage_error(tiny_synthetic().with({{"embed_dim", "100"}}).without("num_heads"),
                     {"embed_dim (flag) is 100", "8 attention heads (num_heads auto)"});
}

TEST_F(CliConfigTest, ContradictionsNameBothSides) {
  expect_usage_error(tiny_synthetic().with({{"overwrite", ""}, {"resume_checkpoint", "auto"}}),
                     {"resume_checkpoint (flag)", "overwrite (flag)"});
  expect_usage_error(tiny_synthetic().with({{"resume_checkpoint", "auto"}}).without("run_name"),
                     {"resume_checkpoint (flag) is auto", "run_name"});
  expect_usage_error(
      tiny_synthetic().with({{"hyperedges_file", "h.json"}, {"static_hyperedge_strategy", "all"}}),
      {"hyperedges_file (flag)", "static_hyperedge_strategy (flag)"});
  expect_usage_error(
      tiny_synthetic().with({{"compat", "original"}, {"hyperedge_weighting", "paper"}}),
      {"hyperedge_weighting (flag) is paper", "compat (flag) original"});
}

TEST_F(CliConfigTest, UnknownKeysAreAnsweredWithTheNearestName) {
  expect_json_error(R"({"learning_rte": 0.1})",
                    {"run.json: there is no key \"learning_rte\"", "did you mean learning_rate?"});
}

TEST_F(CliConfigTest, WrongTypesNameFileKeyAndValue) {
  expect_json_error(R"({"seed": "x"})", {"run.json: seed is \"x\"", "whole number"});
  expect_json_error(R"({"epochs": 2.5})", {"run.json: epochs is 2.5", "whole number"});
  expect_json_error(R"({"shuffle": 1})", {"run.json: shuffle is 1", "true or false"});
  expect_json_error(R"({"lr_schedule": ["cosine"]})", {"run.json: lr_schedule is [\"cosine\"]"});
  expect_json_error(R"([1, 2])", {"run.json", "array", "object"});
}

TEST_F(CliConfigTest, RatesThatAreNoPositiveNumbersAreRefused) {
  expect_json_error(R"({"learning_rate": -1e-3})", {"learning_rate is -0.001", "above 0"});
  expect_json_error(R"({"learning_rate": 0})", {"learning_rate is 0", "above 0"});
  expect_json_error(R"({"dropout_rate": -0.1})", {"dropout_rate is -0.1", "at least 0"});
  expect_json_error("{\n  \"learning_rate\": NaN\n}", {"run.json, line 2, column 20"});
  expect_json_error("{\n  \"learning_rate\": 1e999\n}", {"run.json, line 2, column 2"});
}

TEST_F(CliConfigTest, MalformedJsonIsLocated) {
  expect_json_error("{\n  \"seed\": 1,\n  \"epochs\" 2\n}", {"run.json, line 3, column 12"});
  expect_json_error("{\"seed\": 1", {"run.json, line 1, column 11"});
  expect_json_error("", {"run.json, line 1, column 1"});
  expect_json_error("{\n  \"seed\": 1,\n  \"seed\": 2}",
                    {"run.json, line 3", "\"seed\" is given twice"});
  expect_usage_error(tiny_synthetic().with({{"config", "nowhere.json"}}),
                     {"'nowhere.json'", "No such file"});
}

TEST_F(CliConfigTest, EveryMistakeIsReportedAtOnce) {
  write_bytes(path("run.json"), R"({"seed": "x", "dropout": 0.1})");
  const ProcessResult result =
      run({"--config", "run.json", "--embed_dm", "8", "--epochs", "0", "--num_heads", "3"});
  expect_failure(result, ExitCode::usage,
                 {"--embed_dm", "run.json: seed is \"x\"", "no key \"dropout\"",
                  "--epochs is \"0\"", "embed_dim (default) is 256, which 3 attention heads"});
  EXPECT_EQ(count_of(result.err, "\n"), 5u) << "a line each: " << result.err;
}

TEST_F(CliConfigTest, FlagsOverrideLaterFilesAndThoseEarlierOnes) {
  write_bytes(path("a.json"), R"({"seed": 1, "epochs": 3, "batch_size": 5})");
  write_bytes(path("b.json"), R"({"epochs": 4, "batch_size": 6})");
  const ProcessResult result = run({"--config", "a.json", "--config", "b.json", "--batch_size", "7",
                                    "--dry_run", "--vocab_size", "64"});
  expect_success(result);
  const Json config = parse_json(result.out, "stdout", ExitCode::internal).at("config");
  EXPECT_EQ(config.at("seed"), 1);
  EXPECT_EQ(config.at("epochs"), 4);
  EXPECT_EQ(config.at("batch_size"), 7);
}

TEST_F(CliConfigTest, OptionsOfAnotherCouplerAreNotedOnce) {
  const ProcessResult result = run(tiny_synthetic().with(
      {{"hyperedge_weighting", "paper"}, {"compat", "none"}, {"max_steps", "1"}}));
  expect_success(result);
  EXPECT_EQ(count_of(result.err,
                     "coupler_type is GNN, so these have no effect: "
                     "hyperedge_weighting, compat"),
            1u)
      << result.err;
}

TEST_F(CliConfigTest, CudaInABuildWithoutItIsAnError) {
  if (!contains(run(Flags{{"version", ""}}).out, "CUDA none in this build")) {
    GTEST_SKIP() << "this build has CUDA";
  }
  expect_usage_error(tiny_synthetic().with({{"device", "cuda"}}), {"device is cuda", "no CUDA"});
  expect_usage_error(tiny_synthetic().with({{"device", "cuda:1"}}), {"device is cuda:1"});
}

TEST_F(CliConfigTest, AHyperedgesFileIsCheckedMemberByMember) {
  const Flags flags = tiny_synthetic().with(
      {{"coupler_type", "HGNN"}, {"num_experts", "3"}, {"hyperedges_file", "edges.json"}});
  expect_failure(run(flags), ExitCode::data,
                 {"hyperedges_file: cannot read 'edges.json'", "No such file"});
  const auto expect_edges_error = [&](const std::string& json,
                                      const std::vector<std::string>& fragments) {
    write_bytes(path("edges.json"), json);
    expect_usage_error(flags, fragments);
  };
  expect_edges_error("[[0, 1], [1, 3]]", {"edges.json", "hyperedge 1 holds 3", "0 to 2"});
  expect_edges_error("[[0, -1]]", {"edges.json", "hyperedge 0 holds -1"});
  expect_edges_error("[[0, 1, 0]]", {"edges.json", "hyperedge 0 holds expert 0 twice"});
  expect_edges_error("[[0, 1.5]]", {"edges.json", "hyperedge 0 holds 1.5"});
  expect_edges_error("[[0, 1], 2]", {"edges.json", "hyperedge 1 is 2"});
  expect_edges_error("{\"edges\": []}", {"edges.json", "list of lists"});
  expect_edges_error("[[0, 1]", {"edges.json, line 1, column 8"});
}

}  // namespace
}  // namespace hgnn_moe::e2e
