// Checkpoints are written while training goes on, and nobody can tell from what a run leaves.
#include "tests/e2e/interrupted_run.h"

namespace hgnn_moe::e2e {
namespace {

class BackgroundCheckpointTest : public InterruptedRunTest {
 protected:
  // Large enough for a checkpoint to be written over several steps.
  static Flags large() {
    return resumable().with({{"vocab_size", "20000"},
                             {"embed_dim", "64"},
                             {"max_steps", "12"},
                             {"eval_every", "6"},
                             {"save_every", "1"}});
  }

  bool is_writing() const {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(path("runs/run/checkpoints"), missing)) {
      if (entry.path().filename().string().rfind(".tmp-step-", 0) == 0) return true;
    }
    return false;
  }
};

TEST_F(BackgroundCheckpointTest, SavingEveryStepChangesNoNumber) {
  const Flags flags = resumable().with({{"max_steps", "40"}, {"keep_checkpoints", "1"}});
  const fs::path twin = run_undisturbed(flags.with({{"save_every", "0"}}));
  expect_success(run(flags.with({{"save_every", "1"}})));
  expect_same_metrics(twin, path(kRun));
  for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
    EXPECT_TRUE(data::testing::read_bytes(checkpoint_of(twin) / file) ==
                data::testing::read_bytes(checkpoint_of(path(kRun)) / file));
  }
}

TEST_F(BackgroundCheckpointTest, EveryCheckpointIsOneToGoOnFrom) {
  const Flags flags = large().with({{"keep_checkpoints", "20"}});
  const fs::path twin = run_undisturbed(flags);
  expect_success(run(flags));
  for (const char* step : {"step-00000005", "step-00000010", "step-00000011"}) {
    expect_success(
        run(flags.with({{"resume_checkpoint", std::string("runs/run/checkpoints/") + step}})));
    expect_same_run(twin, path(kRun));
  }
}

TEST_F(BackgroundCheckpointTest, ASignalWhileOneIsWrittenSavesTheLastStep) {
  const Flags flags = large();
  const fs::path twin = run_undisturbed(flags);
  bool caught = false;
  for (int attempt = 0; attempt < 10 && !caught; ++attempt) {
    fs::remove_all(path("runs"));
    const auto process = start(flags);
    while (process->is_running() && !is_writing()) std::this_thread::yield();
    process->send(SIGTERM);
    const ProcessResult result = process->wait();
    caught = result.exit_code == 128 + SIGTERM;
    if (!caught) continue;  // it was writing the last
    EXPECT_FALSE(is_writing());
    const double last_step = read_series(path(kRun), "step", "step").back();
    EXPECT_EQ(read_json(checkpoint_of(path(kRun)) / "state.json").at("step"), last_step);
    EXPECT_EQ(read_json(path("runs/run/run_summary.json")).at("status"), "stopped");
  }
  EXPECT_TRUE(caught);
  expect_success(run(flags));
  expect_same_run(twin, path(kRun));
}

TEST_F(BackgroundCheckpointTest, ASignalWhereNoSaveIsDueSavesTheLastStep) {
  const Flags flags = resumable().with({{"save_every", "0"}, {"eval_every", "0"}});
  const auto process = start(flags);
  wait_for_metrics(*process, 5000);
  process->send(SIGTERM);
  const ProcessResult result = process->wait();
  ASSERT_EQ(result.exit_code, 128 + SIGTERM) << result.err;
  const double last_step = read_series(path(kRun), "step", "step").back();
  EXPECT_EQ(read_json(checkpoint_of(path(kRun)) / "state.json").at("step"), last_step);
}

// Twin runs: to one a limit that stands for a full disk comes in between. Thirty steps take tens of
// times as long as a writer does to fail, even one that has little of a busy machine.
TEST_F(BackgroundCheckpointTest, AFullDiskEndsTheRunLongBeforeItsEnd) {
  const Flags flags =
      large().with({{"max_steps", "70"}, {"save_every", "30"}, {"eval_every", "0"}});
  const Flags shorter = flags.with({{"max_steps", "3"}});
  run_undisturbed(shorter);
  const fs::path twin = run_undisturbed(flags);
  expect_success(run(shorter));
  const auto before = snapshot(path("runs/run/checkpoints"));

  ProcessOptions options;
  options.file_size_limit = 200000;  // less than model.safetensors
  expect_failure(run(flags, options), ExitCode::disk,
                 {"cannot write", "model.safetensors", "File too large"});
  EXPECT_TRUE(before == snapshot(path("runs/run/checkpoints")));
  const Json summary = read_json(path("runs/run/run_summary.json"));
  EXPECT_EQ(summary.at("status"), "failed");
  EXPECT_GE(summary.at("steps"), 30);
  EXPECT_LT(summary.at("steps"), 60) << "it ended when the next save waited, not when one failed";
  EXPECT_TRUE(contains(data::testing::read_bytes(path("runs/run/train.log")), "File too large"));

  expect_success(run(flags));
  expect_same_run(twin, path(kRun));
}

// A failure of training does not lose the checkpoint that is under way.
TEST_F(BackgroundCheckpointTest, ADivergedRunStillPublishesWhatItHadHandedOver) {
  const Flags flags = large().with({{"learning_rate", "1e30"}, {"grad_clip", "0"}});
  const ProcessResult result = run(flags);
  expect_failure(result, ExitCode::diverged, {"lower learning_rate"});
  EXPECT_FALSE(is_writing());
  const double last_step = read_series(path(kRun), "step", "step").back();
  EXPECT_EQ(read_json(checkpoint_of(path(kRun)) / "state.json").at("step"), last_step);
  EXPECT_EQ(read_json(path("runs/run/run_summary.json")).at("status"), "diverged");
}

}  // namespace
}  // namespace hgnn_moe::e2e
