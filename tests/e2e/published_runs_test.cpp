// The published command lines mean what configs/runs says, and run as they are.
#include "tests/e2e/published_runs.h"

namespace hgnn_moe::e2e {
namespace {

using PublishedRunsTest = ProgramTest;

Json dry_run(const ProcessResult& result) {
  expect_success(result);
  return parse_json(result.out, "standard output", ExitCode::internal);
}

std::vector<std::string> with_dry_run(std::vector<std::string> arguments) {
  const std::vector<std::string> added = {"--dry_run", "--vocab_size", "50257"};
  arguments.insert(arguments.end(), added.begin(), added.end());
  return arguments;
}

TEST_F(PublishedRunsTest, FileAndFlagsGiveTheSameRun) {
  for (const PublishedRun& published : published_runs()) {
    const Json flags = dry_run(run(with_dry_run(words_of(published.command))));
    const Json file = dry_run(run(with_dry_run({"--config", config_file_of(published)})));
    EXPECT_EQ(flags, file) << published.file;
  }
}

// The last column of README's table, in GB of a build for CPUs; CUDA's libraries add 0.2.
TEST_F(PublishedRunsTest, ReadmeSaysTheMemoryThatADryRunDoes) {
  const std::string readme = data::testing::read_bytes(fs::path(HGNN_MOE_SOURCE_DIR) / "README.md");
  for (const PublishedRun& published : published_runs()) {
    const Json planned = dry_run(run(with_dry_run({"--config", config_file_of(published)})));
    const std::size_t row = readme.find(fmt::format("| `{}` |", published.file));
    ASSERT_NE(row, std::string::npos) << published.file;
    const std::size_t end = readme.find(" GB |\n", row);
    const std::size_t cell = readme.rfind('|', end) + 1;
    EXPECT_NEAR(std::stod(readme.substr(cell, end - cell)),
                planned.at("memory").at("total").get<double>() / 1e9, 0.25)
        << published.file;
  }
}

TEST_F(PublishedRunsTest, EveryConfigurationFileIsOneOfThemOrOfOurStudy) {
  std::vector<std::string> expected{"study.json"};
  for (const PublishedRun& published : published_runs()) {
    expected.push_back(std::string(published.file) + ".json");
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(names_in(fs::path(HGNN_MOE_SOURCE_DIR) / "configs" / "runs"), expected);
}

// The smallest hypergraph and the smallest graph model; the larger ones are in the slow tests. They
// ask for more samples than there are: that is said, and all are used.
TEST_F(PublishedRunsTest, RunsAsWritten) {
  write_default_dataset(folder());
  for (const std::size_t i : {std::size_t{0}, std::size_t{4}}) {
    const PublishedRun& published = published_runs().at(i);
    const ProcessResult result = run(shortened(words_of(published.command)));
    expect_success(result);
    expect_shortened_run(path("checkpoints") / published.file, published);
    const bool asks_for_too_much = contains(published.command, "--num_train_samples 3000");
    EXPECT_EQ(contains(result.err, "num_train_samples 3000 is above the 6 samples"),
              asks_for_too_much)
        << result.err;
  }
}

}  // namespace
}  // namespace hgnn_moe::e2e
