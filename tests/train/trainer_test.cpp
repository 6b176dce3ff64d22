// The training loop with steps that are queued, as on a GPU.
#include "hgnn_moe/train/trainer.h"

#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/train/queued_steps.h"
#include "tests/data/data_files.h"
#include "tests/train/host_queue.h"
#include "tests/train/train_support.h"

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/model/model_config.h"

namespace hgnn_moe {
namespace {

using data::testing::counting;
using data::testing::Document;
using data::testing::read_bytes;

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest() {
    config_.batch_size = 2;
    config_.shuffle = false;
    config_.eval_every = 0;
    std::filesystem::create_directory(folder_ / "data");
    use_documents(std::vector<Document>(20, counting(1, 12)));
  }

  void use_documents(const std::vector<Document>& documents) const {
    data::testing::write_indexed(folder_ / "data", "train", documents);
    data::testing::write_indexed(folder_ / "data", "eval", {counting(3, 9), counting(5, 7)});
  }

  struct Result {
    TrainingState state;
    RunSpeed speed;
    std::optional<StepGraphs> graphs;
    std::string error;
  };

  // A fresh run; `spoiled_step`, counted from 0, has a gradient that is not finite.
  Result train(bool graphs, std::int64_t spoiled_step = -1) {
    const data::Dataset dataset = data::open_dataset(config_);
    const RunFolder run = RunFolder::open(folder_.path(), "run", RunStart::overwrite);
    const auto log = make_logger(/*quiet=*/true, run.log_file());
    LanguageModel model(make_model_config(config_, dataset.vocab_size), 1, at::kFloat, at::kCPU,
                        {});
    std::int64_t passes = 0;
    model.parameters()[0].tensor.register_hook([&](const at::Tensor& gradient) {
      const bool spoils = passes++ == spoiled_step;
      return spoils ? at::full_like(gradient, std::numeric_limits<double>::infinity()) : gradient;
    });
    AdamW optimizer(model.parameters(), {});
    MetricsWriter metrics(run.metrics_file());
    QueuedSteps steps(model, optimizer, config_, limits_of(*dataset.train, config_.batch_size),
                      graphs, std::make_unique<HostQueue>());
    Trainer trainer({config_, dataset, run, model, optimizer, metrics, *log, at::kCPU, steps}, {});
    const StopSignal stop;
    Result result;
    try {
      EXPECT_TRUE(trainer.run(stop));
    } catch (const Error& error) {
      result.error = error.what();
    }
    result.state = trainer.state();
    result.speed = trainer.speed();
    result.graphs = trainer.graphs();
    return result;
  }

  std::string log() const { return read_bytes(folder_ / "run/train.log"); }
  Json profile_table() const { return Json::parse(read_bytes(folder_ / "run/profile/table.json")); }
  std::int64_t profiled_updates() const {
    const Json trace = Json::parse(read_bytes(folder_ / "run/profile/trace.json"));
    std::int64_t count = 0;
    for (const Json& event : trace.at("traceEvents")) {
      count += event.at("name") == "optimizer" && event.value("cat", "") == "user_annotation";
    }
    return count;
  }
  // Lines of metrics.jsonl that are steps.
  std::int64_t recorded_steps() const {
    const std::string metrics = read_bytes(folder_ / "run/metrics.jsonl");
    std::int64_t count = 0;
    for (std::size_t at = 0; (at = metrics.find("\"event\":\"step\"", at)) != std::string::npos;
         ++at) {
      ++count;
    }
    return count;
  }

  TemporaryFolder folder_;
  TrainConfig config_ = small_run_on(folder_ / "data");
};

// The step behind it was queued before anybody knew.
TEST_F(TrainerTest, ADivergedRunCountsTheUpdatesThatItHas) {
  config_.max_steps = 8;
  const Result result = train(/*graphs=*/false, /*spoiled_step=*/3);
  EXPECT_NE(result.error.find("step 4: the gradient's norm is inf"), std::string::npos)
      << result.error;
  EXPECT_EQ(result.state.step, 3);
  EXPECT_EQ(recorded_steps(), 3);
  EXPECT_EQ(result.state.tokens, 3 * 24);
}

TEST_F(TrainerTest, EveryQueuedStepIsRecorded) {
  config_.max_steps = 7;
  config_.eval_every = 3;
  const Result result = train(/*graphs=*/false);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.state.step, 7);
  EXPECT_EQ(recorded_steps(), 7);
  EXPECT_EQ(result.state.tokens, 7 * 24);
  EXPECT_EQ(result.graphs, std::nullopt);
}

TEST_F(TrainerTest, SpeedIsThatOfStepsThatDoNotWarmUp) {
  config_.max_steps = 9;
  const Result result = train(/*graphs=*/true);
  EXPECT_EQ(result.speed.tokens, (9 - QueuedSteps::kWarmUpSteps - 1) * 24.0);
  EXPECT_LT(result.speed.seconds, result.state.seconds);
  EXPECT_GT(*result.speed.busy_seconds, 0.0);
  ASSERT_TRUE(result.graphs.has_value());
  EXPECT_GT(result.graphs->count, 1);
  EXPECT_NE(log().find("steps are captured: "), std::string::npos) << log();
}

TEST_F(TrainerTest, AProfileHasStepsOfItsOwn) {
  config_.profile = 1;
  config_.max_steps = 2;
  train(/*graphs=*/false);
  EXPECT_EQ(profile_table().at("steps"), 1);
  EXPECT_EQ(recorded_steps(), 2);
}

// The second and the third step's samples have no target.
TEST_F(TrainerTest, AStepThatUpdatesNothingIsNotProfiled) {
  std::vector<Document> documents(12, counting(1, 12));
  for (const std::size_t i : {2, 3, 4, 5}) documents[i] = {7};
  use_documents(documents);
  config_.profile = 2;
  config_.epochs = 1;
  train(/*graphs=*/false);
  EXPECT_EQ(recorded_steps(), 4);
  EXPECT_EQ(profiled_updates(), 2);
  EXPECT_NE(log().find("a batch without targets is skipped"), std::string::npos);
}

}  // namespace
}  // namespace hgnn_moe
