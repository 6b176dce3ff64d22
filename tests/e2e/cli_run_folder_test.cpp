// Run folders that are occupied, locked, unwritable or on a full disk.
#include <thread>

#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

using data::testing::read_bytes;
using data::testing::write_bytes;

class CliRunFolderTest : public ProgramTest {
 protected:
  const Flags flags_ = tiny_synthetic().with({{"max_steps", "4"}, {"eval_every", "2"}});
};

TEST_F(CliRunFolderTest, AnOccupiedFolderIsRefusedAndUntouched) {
  expect_success(run(flags_));
  const auto before = snapshot(path("runs"));
  expect_failure(
      run(flags_), ExitCode::usage,
      {"'runs/run' already holds a run", "--resume_checkpoint auto", "--overwrite", "--run_name"});
  EXPECT_TRUE(before == snapshot(path("runs")));
}

TEST_F(CliRunFolderTest, OverwriteStartsAgainAndKeepsForeignFiles) {
  expect_success(run(flags_));
  write_bytes(path("runs/run/notes.txt"), "mine");
  expect_success(run(flags_.with({{"overwrite", ""}, {"seed", "7"}})));
  EXPECT_EQ(read_bytes(path("runs/run/notes.txt")), "mine");
  EXPECT_EQ(read_json(path("runs/run/config.json")).at("config").at("seed"), 7);
  EXPECT_EQ(read_events(path("runs/run"), "step").size(), 4u);
}

TEST_F(CliRunFolderTest, ARunWithoutANameGetsOne) {
  expect_success(run(flags_.without("run_name")));
  const std::vector<std::string> names = names_in(path("runs"));
  ASSERT_EQ(names.size(), 1u);
  EXPECT_TRUE(contains(names.front(), "gnn")) << names.front();
  EXPECT_EQ(read_json(path("runs") / names.front() / "run_summary.json").at("run_name"),
            names.front());
}

TEST_F(CliRunFolderTest, ASecondProcessIsTurnedAwayWhateverItAsksFor) {
  const auto first = start(flags_.with({{"max_steps", "1000000"}, {"epochs", "1000000"}}));
  while (first->is_running() && !fs::exists(path("runs/run/checkpoints/latest"))) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_TRUE(first->is_running());
  const std::string config = read_bytes(path("runs/run/config.json"));
  for (const Flags& second :
       {flags_, flags_.with({{"overwrite", ""}}), flags_.with({{"resume_checkpoint", "auto"}}),
        flags_.with({{"resume_checkpoint", "auto"}, {"eval_only", ""}})}) {
    expect_failure(run(second), ExitCode::usage, {"'runs/run' is in use by another process"});
  }
  EXPECT_TRUE(first->is_running());
  EXPECT_EQ(read_bytes(path("runs/run/config.json")), config);
  EXPECT_GE(read_events(path("runs/run"), "step").size(), 2u);
}

TEST_F(CliRunFolderTest, AnUnwritablePlaceIsADiskError) {
  write_bytes(path("file"), "x");
  expect_failure(run(flags_.with({{"checkpoint_dir", "file/runs"}})), ExitCode::disk,
                 {"'file/runs/run'", "Not a directory"});
  expect_failure(run(flags_.with({{"checkpoint_dir", "/proc"}})), ExitCode::disk, {"'/proc/run'"});
  EXPECT_EQ(read_bytes(path("file")), "x");
}

// Twin runs: one meets a full disk while it saves, is given space, and ends as the other.
TEST_F(CliRunFolderTest, AFullDiskLeavesTheEarlierCheckpoints) {
  const Flags longer = flags_.with({{"max_steps", "8"}, {"resume_checkpoint", "auto"}});
  const Flags twin = {{"run_name", "run"}, {"checkpoint_dir", "twin"}};
  for (const Flags& flags : {flags_, flags_.with(twin), longer.with(twin)}) {
    expect_success(run(flags));
  }
  const auto before = snapshot(path("runs/run/checkpoints"));

  ProcessOptions options;
  options.file_size_limit = 20000;  // less than model.safetensors, more than all else here
  expect_failure(run(longer, options), ExitCode::disk,
                 {"cannot write", "model.safetensors", "File too large"});
  EXPECT_TRUE(before == snapshot(path("runs/run/checkpoints")));
  EXPECT_EQ(read_json(path("runs/run/run_summary.json")).at("status"), "failed");

  expect_success(run(longer));
  expect_same_run(path("twin/run"), path("runs/run"));
}

TEST_F(CliRunFolderTest, MetricsThatDoNotFitStopTheRunBetweenLines) {
  ProcessOptions options;
  options.file_size_limit = 120000;  // more than optimizer.safetensors
  const Flags many = flags_.with({{"max_steps", "500"}, {"quiet", ""}, {"eval_every", "100"}});
  expect_failure(run(many, options), ExitCode::disk, {"metrics.jsonl", "File too large"});
  EXPECT_FALSE(read_metrics(path("runs/run")).empty());

  expect_success(run(many.with({{"resume_checkpoint", "auto"}})));
  expect_success(run(many.with({{"checkpoint_dir", "twin"}})));
  expect_same_run(path("twin/run"), path("runs/run"));
}

}  // namespace
}  // namespace hgnn_moe::e2e
