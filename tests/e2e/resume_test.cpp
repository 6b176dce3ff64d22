// However a run is interrupted, resuming it ends with the bits of the run that was not.
#include <cmath>

#include "tests/e2e/interrupted_run.h"

namespace hgnn_moe::e2e {
namespace {

using ResumeTest = InterruptedRunTest;

TEST_F(ResumeTest, GnnKilledAtRandomMoments) { expect_same_after_kills(resumable(), 3); }

TEST_F(ResumeTest, HgnnKilledAtRandomMoments) { expect_same_after_kills(resumable_hgnn(), 3); }

TEST_F(ResumeTest, SignalsSaveAndTheRunGoesOn) {
  const Flags flags = resumable();
  const fs::path twin = run_undisturbed(flags);
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto process = start(flags);
    const std::uintmax_t before = metrics_size(path(kRun));
    wait_for_metrics(*process, before + metrics_size(twin) / 4);
    process->send(signal);
    const ProcessResult result = process->wait();
    EXPECT_EQ(result.exit_code, 128 + signal) << result.err;
    EXPECT_TRUE(contains(result.err, "--resume_checkpoint auto --run_name run")) << result.err;

    const Json summary = read_json(path("runs/run/run_summary.json"));
    EXPECT_EQ(summary.at("status"), "stopped");
    EXPECT_TRUE(summary.at("final_eval_loss").is_null());
    const double last_step = read_series(path(kRun), "step", "step").back();
    EXPECT_EQ(summary.at("steps"), last_step);
    const Json state = read_json(checkpoint_of(path(kRun)) / "state.json");
    EXPECT_EQ(state.at("step"), last_step) << "the checkpoint holds every finished step";
  }
  expect_success(run(flags));
  expect_same_run(twin, path(kRun));
}

// The model is large enough for the program to spend most of its time in writing.
TEST_F(ResumeTest, KilledWhileACheckpointIsWritten) {
  const Flags flags = resumable().with({{"vocab_size", "4000"},
                                        {"embed_dim", "64"},
                                        {"max_steps", "8"},
                                        {"eval_every", "4"},
                                        {"save_every", "1"}});
  const fs::path twin = run_undisturbed(flags);
  const fs::path checkpoints = path("runs/run/checkpoints");
  const auto is_writing = [&] {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(checkpoints, missing)) {
      if (entry.path().filename().string().rfind(".tmp-step-", 0) == 0) return true;
    }
    return false;
  };
  std::mt19937 random(1);
  int caught = 0;
  for (int attempt = 0; attempt < 30 && caught < 3; ++attempt) {
    const auto process = start(flags);
    // What an earlier kill left is removed at the start.
    while (process->is_running() && is_writing()) std::this_thread::yield();
    while (process->is_running() && !is_writing()) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
    process->send(SIGKILL);
    ASSERT_EQ(process->wait().signal, SIGKILL);
    if (is_writing()) ++caught;
  }
  EXPECT_EQ(caught, 3);
  expect_success(run(flags));
  expect_same_run(twin, path(kRun));
}

TEST_F(ResumeTest, ByPathGoesBackToThatCheckpoint) {
  const Flags flags = resumable().with({{"max_steps", "12"}, {"save_every", "4"}});
  const fs::path twin = run_undisturbed(flags);
  expect_success(run(flags.with({{"keep_checkpoints", "9"}})));
  const Flags by_path = flags.without("run_name")
                            .without("checkpoint_dir")
                            .with({{"resume_checkpoint", "runs/run/checkpoints/step-00000004/"}});
  const ProcessResult result = run(by_path);
  expect_success(result);
  EXPECT_TRUE(contains(result.err, "resumed from step-00000004 at step 4")) << result.err;
  expect_same_run(twin, path(kRun));
}

TEST_F(ResumeTest, AutoWithoutACheckpointIsAFreshStart) {
  const Flags flags = resumable().with({{"max_steps", "3"}});
  const ProcessResult result = run(flags);
  expect_success(result);
  EXPECT_TRUE(contains(result.err, "a fresh start")) << result.err;
  const fs::path twin = run_undisturbed(flags.without("resume_checkpoint"));
  expect_same_run(twin, path(kRun));
}

TEST_F(ResumeTest, AFinishedRunEndsAtOnce) {
  const Flags flags = resumable().with({{"max_steps", "8"}});
  expect_success(run(flags));
  const auto checkpoints = snapshot(path("runs/run/checkpoints"));
  const std::string metrics = data::testing::read_bytes(path("runs/run/metrics.jsonl"));
  const Json summary = read_json(path("runs/run/run_summary.json"));
  expect_success(run(flags));
  EXPECT_TRUE(checkpoints == snapshot(path("runs/run/checkpoints")));
  EXPECT_EQ(metrics, data::testing::read_bytes(path("runs/run/metrics.jsonl")));
  EXPECT_EQ(without_measurements(summary),
            without_measurements(read_json(path("runs/run/run_summary.json"))));
}

TEST_F(ResumeTest, MoreEpochsAreSaidAndTheScheduleIsThatOfTheLongerRun) {
  const Flags flags = resumable().without("max_steps").with({{"num_train_samples", "22"}});
  expect_success(run(flags.with({{"epochs", "2"}})));
  const ProcessResult result = run(flags.with({{"epochs", "3"}}));
  expect_success(result);
  EXPECT_TRUE(contains(result.err, "raised epochs from 2 to 3")) << result.err;

  constexpr double kTotal = 18;  // three epochs of six steps
  const std::vector<double> rates = read_series(path(kRun), "step", "learning_rate");
  ASSERT_EQ(rates.size(), kTotal);
  for (std::size_t s = 12; s < rates.size(); ++s) {
    const double cosine = std::cos(std::acos(-1.0) * static_cast<double>(s) / kTotal);
    EXPECT_NEAR(rates[s], 1e-6 + 0.5 * (5e-4 - 1e-6) * (1 + cosine), 1e-12) << "step " << s;
  }
}

// Its evaluations take most of the time, so that the signal comes in one, or right before.
TEST_F(ResumeTest, AnEvaluationIsBrokenOffAndTheResumeBeginsWithIt) {
  write_dataset(path("data"), make_documents(40, 1), make_documents(4000, 2));
  const Flags flags = resumable_hgnn()
                          .without("synthetic_data")
                          .without("vocab_size")
                          .with({{"dataset_name", "data"},
                                 {"sample_mode", "lines"},
                                 {"batch_size", "1"},
                                 {"num_train_samples", "-1"},
                                 {"num_eval_samples", "-1"},
                                 {"max_steps", "4"},
                                 {"eval_every", "2"},
                                 {"save_every", "0"},
                                 {"dump_token_losses", "losses.npy"}});
  const fs::path twin = run_undisturbed(flags);
  const std::string losses = data::testing::read_bytes(path("losses.npy"));
  fs::remove(path("losses.npy"));
  for (const std::size_t step : {2, 4}) {
    const auto process = start(flags);
    const auto is_there = [&] {
      return fs::exists(path("runs/run/metrics.jsonl")) &&
             count_of(data::testing::read_bytes(path("runs/run/metrics.jsonl")),
                      "\"event\":\"step\"") == step;
    };
    while (process->is_running() && !is_there()) std::this_thread::yield();
    process->send(SIGTERM);
    const ProcessResult result = process->wait();
    EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.err;
    EXPECT_TRUE(contains(result.err, "a resume begins with it")) << result.err;
    EXPECT_EQ(read_json(path("runs/run/run_summary.json")).at("status"), "stopped");
    const Json state = read_json(checkpoint_of(path(kRun)) / "state.json");
    EXPECT_EQ(state.at("step"), step);
    EXPECT_EQ(state.at("evaluation_pending"), true);
    EXPECT_FALSE(fs::exists(path("losses.npy")));
  }
  expect_success(run(flags));
  expect_same_run(twin, path(kRun));
  EXPECT_EQ(data::testing::read_bytes(path("losses.npy")), losses);
}

// All is saved by then, and sampling could go on for long. The first moment is in the only step or
// in the evaluation after it, which then is left to a resume.
TEST_F(ResumeTest, ASignalAtTheEndOrLaterEndsTheSampling) {
  const Flags flags = tiny_synthetic().with(
      {{"max_steps", "1"}, {"sample_ids", "1,2,3"}, {"sample_tokens", "20000"}});
  const fs::path log = path("runs/run/train.log");
  for (const char* moment : {"an epoch has", "done: "}) {
    fs::remove_all(path("runs"));
    const auto process = start(flags);
    const auto has_come = [&] {
      return fs::exists(log) && contains(data::testing::read_bytes(log), moment);
    };
    while (process->is_running() && !has_come()) std::this_thread::yield();
    process->send(SIGTERM);
    const ProcessResult result = process->wait();
    EXPECT_TRUE(result.signal == SIGTERM || result.exit_code == 128 + SIGTERM)
        << moment << ": exit code " << result.exit_code << "\n"
        << result.err;
    EXPECT_EQ(result.out, "");
    const std::string status = read_json(path("runs/run/run_summary.json")).at("status");
    const bool is_left = status == "stopped" && contains(result.err, "is broken off");
    EXPECT_TRUE(status == "done" || (is_left && std::string(moment) != "done: ")) << status;
  }
}

TEST_F(ResumeTest, EvaluatingACheckpointChangesNothingInTheRun) {
  const Flags flags = resumable().with({{"max_steps", "14"}, {"eval_every", "7"}});
  expect_success(run(flags));
  const auto checkpoints = snapshot(path("runs/run/checkpoints"));
  const std::string metrics = data::testing::read_bytes(path("runs/run/metrics.jsonl"));
  const std::string summary = data::testing::read_bytes(path("runs/run/run_summary.json"));
  const std::vector<double> losses = read_series(path(kRun), "eval", "loss");
  ASSERT_EQ(losses.size(), 2u);

  const auto expect_evaluation = [&](const Flags& evaluation, double loss) {
    expect_success(run(evaluation.with({{"eval_only", ""}})));
    const Json found = read_json(path("runs/run/evaluation.json"));
    EXPECT_EQ(found.at("final_eval_loss"), loss);
    EXPECT_EQ(found.at("best_eval_loss"), loss);
    EXPECT_EQ(summary, data::testing::read_bytes(path("runs/run/run_summary.json")));
    EXPECT_TRUE(checkpoints == snapshot(path("runs/run/checkpoints")));
    EXPECT_EQ(metrics, data::testing::read_bytes(path("runs/run/metrics.jsonl")));
  };
  expect_evaluation(flags, losses[1]);
  expect_evaluation(flags.with({{"resume_checkpoint", "runs/run/checkpoints/step-00000007"}}),
                    losses[0]);
}

}  // namespace
}  // namespace hgnn_moe::e2e
