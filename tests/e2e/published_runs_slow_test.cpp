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

}  // namespace
}  // namespace hgnn_moe::e2e
