// Every published model is built, trained for two steps and saved, from its flags and its file.
#include "tests/e2e/published_runs.h"

namespace hgnn_moe::e2e {
namespace {

class PublishedRunsSlowTest : public ProgramTest {
 protected:
  void expect_flags_and_file_to_train_the_same(const PublishedRun& published) const {
    const fs::path run_folder = fs::path("checkpoints") / published.file;
    const auto train = [&](const char* name, const std::vector<std::string>& arguments) {
      write_default_dataset(path(name));
      ProcessOptions options;
      options.folder = path(name);
      expect_success(run(shortened(arguments), options));
      expect_shortened_run(path(name) / run_folder, published);
    };
    train("flags", words_of(published.command));
    train("file", {"--config", config_file_of(published)});
    expect_same_metrics(path("flags") / run_folder, path("file") / run_folder);
  }
};

TEST_F(PublishedRunsSlowTest, HgnnEfficiencyOptimized) {
  expect_flags_and_file_to_train_the_same(published_runs().at(0));
}

TEST_F(PublishedRunsSlowTest, HgnnPerformanceOptimized) {
  expect_flags_and_file_to_train_the_same(published_runs().at(1));
}

TEST_F(PublishedRunsSlowTest, GnnOptimizedBaseline) {
  expect_flags_and_file_to_train_the_same(published_runs().at(2));
}

TEST_F(PublishedRunsSlowTest, HgnnOptimizedComparison) {
  expect_flags_and_file_to_train_the_same(published_runs().at(3));
}

TEST_F(PublishedRunsSlowTest, GnnSweepBaseline) {
  expect_flags_and_file_to_train_the_same(published_runs().at(4));
}

// On each path that applies, with weights that the first losses must agree on.
TEST_F(PublishedRunsSlowTest, EveryPathTrains) {
  for (const auto& [index, paths] :
       {std::pair<std::size_t, std::vector<std::string>>{0, {"collapsed", "batched", "sequential"}},
        {4, {"batched", "sequential"}}}) {
    const PublishedRun& published = published_runs().at(index);
    std::vector<double> first_losses;
    for (const std::string& path_name : paths) {
      SCOPED_TRACE(std::string(published.file) + ", " + path_name);
      write_default_dataset(path(path_name));
      ProcessOptions options;
      options.folder = path(path_name);
      std::vector<std::string> arguments = shortened(words_of(published.command));
      arguments.insert(arguments.end(), {"--coupler_path", path_name});
      expect_success(run(arguments, options));
      const fs::path run_folder = path(path_name) / "checkpoints" / published.file;
      expect_shortened_run(run_folder, published);
      first_losses.push_back(read_series(run_folder, "step", "loss").front());
      EXPECT_NEAR(first_losses.back(), first_losses.front(), 1e-5 * first_losses.front());
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::e2e
