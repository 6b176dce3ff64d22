#include "src/train/preflight.h"

#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/data/data_files.h"
#include "tests/train/small_synthetic.h"

#include "hgnn_moe/train/forecast.h"
#include "hgnn_moe/train/trainer.h"

namespace hgnn_moe {
namespace {

struct MemoryCheck {
  TrainConfig config;
  data::Dataset dataset = data::open_dataset(config);
  ModelConfig model = make_model_config(config, dataset.vocab_size);

  std::string operator()(std::optional<std::int64_t> available) const {
    return check_memory(config, model, dataset, available);
  }
  std::int64_t weights() const { return 4 * count_parameters(model).total(); }
};

TEST(Preflight, WeightsGradientsAndMomentsThatDoNotFitAreRefused) {
  const MemoryCheck check{small_synthetic_run()};
  const std::int64_t state = 4 * check.weights();
  EXPECT_NO_THROW(check(state));
  const std::string message = message_of_error(ExitCode::out_of_memory, [&] { check(state - 1); });
  EXPECT_TRUE(contains(message, "out of memory: ")) << message;
  EXPECT_TRUE(contains(message, "gradients and moments")) << message;
  EXPECT_TRUE(contains(message, "lower embed_dim 16")) << message;
}

TEST(Preflight, AnEvaluationHasWeightsAlone) {
  TrainConfig config = small_synthetic_run();
  config.eval_only = true;
  const MemoryCheck check{config};
  const std::int64_t total = forecast_memory(config, check.model, &check.dataset).total;
  EXPECT_EQ(check(total), "");
  const std::string warning = check(check.weights());
  EXPECT_TRUE(contains(warning, "lower batch_size 8")) << warning;
  EXPECT_FALSE(contains(warning, "gradient")) << warning;
  message_of_error(ExitCode::out_of_memory, [&] { check(check.weights() - 1); });
}

TEST(Preflight, ATrainingThatIsExpectedToTakeMoreThanThereIsIsSaid) {
  const MemoryCheck check{small_synthetic_run()};
  const std::int64_t total = forecast_memory(check.config, check.model, &check.dataset).total;
  EXPECT_EQ(check(total), "");
  EXPECT_EQ(check(std::nullopt), "");
  const std::string warning = check(total - 1);
  EXPECT_TRUE(contains(warning, "lower batch_size 8")) << warning;
  EXPECT_TRUE(contains(warning, "activation_checkpointing")) << warning;
}

TEST(Preflight, WhereEvaluationsTakeMostTheStepIsNotBlamed) {
  TrainConfig config = small_synthetic_run();
  config.num_train_samples = 1;
  config.num_eval_samples = config.batch_size = 1000;
  const MemoryCheck check{config};
  const std::int64_t total = forecast_memory(check.config, check.model, &check.dataset).total;
  EXPECT_EQ(check(total), "");
  const std::string warning = check(total - 1);
  EXPECT_TRUE(contains(warning, "evaluations take most of it; lower batch_size 1000")) << warning;
  EXPECT_FALSE(contains(warning, "activation_checkpointing")) << warning;
}

TEST(Preflight, WhereKeptLossesTakeMostTheyAreNamed) {
  const TemporaryFolder folder;
  const std::vector<data::testing::Document> short_lines(200, {1, 2});
  data::testing::write_indexed(folder.path(), "train", short_lines);
  data::testing::write_indexed(folder.path(), "eval", short_lines);
  put_file(folder / "dataset.json", R"({"vocab_size": 64})");
  TrainConfig config = small_synthetic_run();
  config.synthetic_data = false;
  config.dataset_name = folder.path().string();
  config.max_seq_length = 1000000;
  config.dump_token_losses = "losses.npy";
  const MemoryCheck check{config};
  const std::int64_t total = forecast_memory(check.config, check.model, &check.dataset).total;
  const std::string warning = check(total - 1);
  EXPECT_TRUE(contains(warning, "losses of single targets are ")) << warning;
  EXPECT_TRUE(contains(warning, "leave out dump_token_losses")) << warning;
  EXPECT_FALSE(contains(warning, "batch_size")) << warning;
}

}  // namespace
}  // namespace hgnn_moe
