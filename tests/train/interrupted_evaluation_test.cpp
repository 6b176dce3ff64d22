// Evaluations that a signal or an error ends: training so far is saved, and a resume begins with
// what is missing.
#include <csignal>
#include <functional>
#include <new>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/data/data_files.h"
#include "tests/train/train_support.h"

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/train/checkpoint.h"
#include "hgnn_moe/train/checkpoint_folder.h"
#include "hgnn_moe/train/trainer.h"

namespace hgnn_moe {
namespace {

using data::testing::counting;
using data::testing::Document;
using data::testing::read_bytes;

constexpr std::int64_t kEvaluated = 200;  // more than layers are observed on

// A set of whose last sample but one the reading does something else first.
class InterruptedSet : public data::SampleSet {
 public:
  InterruptedSet(std::unique_ptr<data::SampleSet> set, const std::function<void()>& interrupt)
      : set_(std::move(set)), interrupt_(interrupt) {}

  std::int64_t size() const override { return set_->size(); }
  std::int64_t length(std::int64_t index) const override { return set_->length(index); }
  void read(std::int64_t index, std::int64_t* inputs, std::int64_t* targets) const override {
    if (index == size() - 2 && interrupt_) interrupt_();
    set_->read(index, inputs, targets);
  }
  std::int64_t max_targets() const override { return set_->max_targets(); }

 private:
  std::unique_ptr<data::SampleSet> set_;
  const std::function<void()>& interrupt_;
};

class InterruptedEvaluationTest : public ::testing::Test {
 protected:
  InterruptedEvaluationTest() {
    config_.batch_size = 1;
    config_.max_steps = 6;
    config_.eval_every = 3;
    std::filesystem::create_directory(folder_ / "data");
    data::testing::write_indexed(folder_ / "data", "train",
                                 std::vector<Document>(20, counting(1, 12)));
    data::testing::write_indexed(folder_ / "data", "eval",
                                 std::vector<Document>(kEvaluated, counting(3, 9)));
  }

  // Goes on from the newest checkpoint where `resumes`. Returns whether the run is complete.
  bool train(const std::string& name, bool resumes, const std::function<void()>& interrupt) {
    data::Dataset dataset = data::open_dataset(config_);
    dataset.eval = std::make_unique<InterruptedSet>(std::move(dataset.eval), interrupt);
    const RunFolder run =
        RunFolder::open(folder_.path(), name, resumes ? RunStart::resume : RunStart::overwrite);
    const auto log = make_logger(/*quiet=*/true, run.log_file());
    LanguageModel model(make_model_config(config_, dataset.vocab_size), 1, at::kFloat, at::kCPU,
                        {});
    AdamW optimizer(model.parameters(), {});
    MetricsWriter metrics(run.metrics_file());
    TrainingState state;
    if (resumes) {
      state = load_checkpoint(find_newest_valid(run.path()).checkpoint.value().folder,
                              checkpoint_tensors(optimizer));
      metrics.truncate_to(state.metrics_length);
    }
    const auto steps = make_step_runner(model, optimizer, config_,
                                        limits_of(*dataset.train, config_.batch_size), at::kCPU);
    const StopSignal stop;
    Trainer trainer({config_, dataset, run, model, optimizer, metrics, *log, at::kCPU, *steps},
                    state);
    return trainer.run(stop);
  }

  TrainingState saved(const std::string& run) const {
    return find_newest_valid(folder_ / run).checkpoint.value().state;
  }

  std::string metrics_of(const std::string& run) const {
    return read_bytes(folder_ / run / "metrics.jsonl");
  }

  // Without what measures time and memory.
  std::vector<Json> events_of(const std::string& run) const {
    std::vector<Json> events;
    std::istringstream lines(metrics_of(run));
    for (std::string line; std::getline(lines, line);) {
      Json event = Json::parse(line);
      for (const char* measured : {"tokens_per_s", "data_ms", "forward_ms", "backward_ms",
                                   "optimizer_ms", "memory_bytes", "step_ms", "time"}) {
        event.erase(measured);
      }
      events.push_back(event);
    }
    return events;
  }

  std::string log() const { return read_bytes(folder_ / "run" / "train.log"); }

  TemporaryFolder folder_;
  TrainConfig config_ = small_run_on(folder_ / "data");
};

// In the evaluation in the middle and in the last one.
TEST_F(InterruptedEvaluationTest, ASignalSavesAndTheResumeBeginsWithIt) {
  ASSERT_TRUE(train("twin", /*resumes=*/false, {}));
  bool resumes = false;
  for (const std::int64_t step : {3, 6}) {
    // The resume does the first evaluation again and comes to the second.
    const auto signal = [evaluations = resumes ? 2 : 1]() mutable {
      if (--evaluations == 0) raise(SIGTERM);
    };
    EXPECT_FALSE(train("run", resumes, signal));
    EXPECT_EQ(saved("run").step, step);
    EXPECT_TRUE(saved("run").evaluation_pending);
    EXPECT_NE(log().find(fmt::format("the evaluation after step {} is broken off", step)),
              std::string::npos)
        << log();
    resumes = true;
  }
  EXPECT_EQ(saved("run").best_step, 3);
  ASSERT_TRUE(train("run", resumes, {}));
  EXPECT_FALSE(saved("run").evaluation_pending);
  EXPECT_EQ(saved("run").best_eval_loss, saved("twin").best_eval_loss);
  EXPECT_EQ(events_of("run"), events_of("twin"));
  for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
    const std::string path = fmt::format("checkpoints/step-00000006/{}", file);
    EXPECT_EQ(read_bytes(folder_ / "run" / path), read_bytes(folder_ / "twin" / path)) << file;
  }
}

TEST_F(InterruptedEvaluationTest, AnErrorSavesWhatWasTrained) {
  config_.eval_every = 0;
  const std::vector<std::function<void()>> errors = {
      [] { throw std::bad_alloc(); }, [] { fail(ExitCode::data, "cannot be read any more"); }};
  for (const std::function<void()>& error : errors) {
    EXPECT_ANY_THROW(train("run", /*resumes=*/false, error));
    EXPECT_EQ(saved("run").step, 6);
    EXPECT_TRUE(saved("run").evaluation_pending);
    EXPECT_NE(log().find("the evaluation after step 6 failed: step-00000006 is saved"),
              std::string::npos)
        << log();
    ASSERT_TRUE(train("run", /*resumes=*/true, {}));
    EXPECT_FALSE(saved("run").evaluation_pending);
    EXPECT_TRUE(saved("run").best_eval_loss.has_value());
  }
}

// A run that may do more steps now than when it was interrupted in its last evaluation.
TEST_F(InterruptedEvaluationTest, MoreStepsComeAfterIt) {
  ASSERT_TRUE(train("twin", /*resumes=*/false, {}));
  config_.max_steps = 3;
  EXPECT_FALSE(train("run", /*resumes=*/false, [] { raise(SIGINT); }));
  config_.max_steps = 6;
  ASSERT_TRUE(train("run", /*resumes=*/true, {}));
  EXPECT_EQ(saved("run").step, 6);
  EXPECT_EQ(saved("run").best_step, saved("twin").best_step);
}

}  // namespace
}  // namespace hgnn_moe
