// Sweeps from their file to their table.
#include <algorithm>
#include <csignal>
#include <sstream>
#include <thread>

#include <sched.h>

#include "tests/e2e/sweep_fixture.h"

namespace hgnn_moe::e2e {
namespace {

TEST_F(SweepTest, EveryRowIsARunOfItsOwnAndALineOfTheTable) {
  write_sweep(R"("grid": {"num_experts": [2, 3]}, "seeds": [1, 2])");
  const ProcessResult result = run(sweep_flags());
  expect_success(result);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(count_of(result.err, " of 4 rows: "), 4u) << result.err;
  EXPECT_EQ(column("status").dump(), R"(["done","done","done","done"])");
  for (std::size_t row = 0; row < 4; ++row) {
    const Json line = table().at("rows").at(row);
    const Json summary = read_json(run_folder(row) / "run_summary.json");
    EXPECT_EQ(line.at("best_eval_loss"), summary.at("best_eval_loss"));
    EXPECT_EQ(line.at("tokens"), summary.at("tokens"));
    EXPECT_EQ(summary.at("data_mode"), "synthetic");
    EXPECT_EQ(line.at("data_mode"), "synthetic");
    EXPECT_EQ(line.at("steps"), 6);
    EXPECT_EQ(line.at("commit"), table().at("commit"));
    EXPECT_EQ(line.at("parameters").at("total"), summary.at("parameters"));
    EXPECT_EQ(line.at("measured").at("seconds"), summary.at("seconds"));
    const double rate = summary.at("needed_flops_per_s").get<double>();
    EXPECT_NEAR(line.at("needed_flops").get<double>() / summary.at("seconds").get<double>() / rate,
                1.0, 1e-6)
        << "what was foreseen is what was counted";
    EXPECT_EQ(read_events(run_folder(row), "step").size(), 6u);
    EXPECT_EQ(read_json(run_folder(row) / "options.json").at("seed"), line.at("seed"));
    EXPECT_TRUE(
        contains(data::testing::read_bytes(run_folder(row) / "output.log"), "done: 6 steps"));
  }
  EXPECT_NE(table().at("rows").at(0).at("best_eval_loss"),
            table().at("rows").at(1).at("best_eval_loss"))
      << "seeds differ";
}

TEST_F(SweepTest, ARunOfASweepIsTheRunAlone) {
  write_sweep(R"("grid": {"num_experts": [3]})");
  expect_success(run(sweep_flags()));
  expect_success(run(tiny_synthetic().with({{"num_experts", "3"},
                                            {"max_steps", "6"},
                                            {"eval_every", "3"},
                                            {"checkpoint_dir", "alone"}})));
  expect_same_metrics(path("alone/run"), run_folder(0));
}

TEST_F(SweepTest, AFinishedSweepEndsAtOnce) {
  write_sweep(R"("grid": {"num_experts": [2, 3]})");
  expect_success(run(sweep_flags()));
  const Json before = table();
  const auto config_time = fs::last_write_time(run_folder(0) / "config.json");
  const ProcessResult again = run(sweep_flags());
  expect_success(again);
  EXPECT_EQ(table(), before);
  EXPECT_EQ(fs::last_write_time(run_folder(0) / "config.json"), config_time);
  EXPECT_TRUE(contains(again.err, "all 2 rows are done")) << again.err;
}

TEST_F(SweepTest, ANewValueRunsAlone) {
  write_sweep(R"("grid": {"num_experts": [2]})");
  expect_success(run(sweep_flags()));
  write_sweep(R"("grid": {"num_experts": [2, 3]})");
  const ProcessResult result = run(sweep_flags());
  expect_success(result);
  EXPECT_EQ(count_of(result.err, " of 2 rows: "), 1u) << result.err;
  EXPECT_EQ(column("status").dump(), R"(["done","done"])");
}

TEST_F(SweepTest, QuietSaysNothingOfWhatWentWell) {
  write_sweep(R"("grid": {"num_experts": [2]})");
  const ProcessResult result = run(sweep_flags().with({{"quiet", ""}}));
  expect_success(result);
  EXPECT_EQ(result.err, "");
}

// Divergence, too little memory, contradictory options, and one beside them that is well.
TEST_F(SweepTest, WhatGoesWrongIsARowWithItsReason) {
  write_sweep(R"("points": [
      {"name": "well", "num_experts": 2},
      {"name": "diverges", "learning_rate": 1e25, "lr_schedule": "constant", "grad_clip": 0},
      {"name": "too large", "embed_dim": 65536},
      {"name": "contradicts", "num_heads": 3}])");
  ProcessOptions limited;
  limited.address_space_limit = 32L << 30;  // less than the first matrix of the large one
  const ProcessResult result = run(sweep_flags(), limited);
  expect_failure(result, ExitCode::rows_failed, {"3 of 4 rows are not done"});
  EXPECT_EQ(column("status").dump(), R"(["done","failed","failed","failed"])");
  EXPECT_EQ(column("reason").dump(), R"([null,"diverged","out_of_memory","bad_options"])");
  EXPECT_EQ(column("exit_code").dump(), "[0,5,6,2]");
  EXPECT_EQ(column("name").dump(), R"(["well","diverges","too large","contradicts"])");
  const Json messages = column("message");
  EXPECT_TRUE(contains(messages[1], "lower learning_rate")) << messages;
  EXPECT_TRUE(contains(messages[2], "out of memory: ")) << messages;
  EXPECT_TRUE(contains(messages[2], "embed_dim 65536")) << messages;
  EXPECT_TRUE(contains(messages[3], "which 3 attention heads do not divide")) << messages;
  for (const Json& message : {messages[1], messages[2], messages[3]}) {
    EXPECT_TRUE(contains(result.err, message.get<std::string>())) << result.err;
  }

  // Failures are kept, and only run again where that is asked for.
  const auto log_size = [&] { return fs::file_size(run_folder(1) / "output.log"); };
  const auto before = log_size();
  expect_failure(run(sweep_flags(), limited), ExitCode::rows_failed, {"3 of 4 rows"});
  EXPECT_EQ(log_size(), before);
  expect_failure(run(sweep_flags().with({{"sweep_retry_failed", ""}}), limited),
                 ExitCode::rows_failed, {"3 of 4 rows"});
  EXPECT_GT(log_size(), before);

  // Or by a scheduler, whose runs the next start finds.
  expect_success(
      run(sweep_flags().with({{"sweep_retry_failed", ""}, {"sweep_export", "commands"}})));
  EXPECT_EQ(column("status").dump(), R"(["done","pending","pending","failed"])");
  EXPECT_EQ(count_of(data::testing::read_bytes(path("runs/sweep/commands.txt")), "\n"), 2u);
}

// The commonest first mistake.
TEST_F(SweepTest, WithoutDataNothingIsStartedOrWritten) {
  const std::string parts = R"("embed_dim": 16, "num_heads": 2, "data_dir": "nowhere"},
      "groups": [{"name": "plain", "grid": {"num_experts": [2, 3]}},
      {"name": "as 2", "base": {"coupler_type": "NONE"}, "match_parameters": {"num_experts": 2}},
      {"name": "as 4", "base": {"coupler_type": "NONE"}, "match_parameters": {"num_experts": 4}}]})";
  const std::vector<std::string> sentence = {"sweep.json: 4 of 4 rows cannot train: no training ",
                                             "scripts/prepare_data.py", "--synthetic_data"};
  data::testing::write_bytes(path("sweep.json"), R"({"base": {)" + parts);
  for (const Flags& flags : {sweep_flags(), sweep_flags().with({{"sweep_export", "commands"}})}) {
    const ProcessResult result = run(flags);
    expect_failure(result, ExitCode::data, sentence);
    EXPECT_EQ(count_of(result.err, "no training data"), 1u) << result.err;
    EXPECT_FALSE(fs::exists(path("runs")));
  }
  // The dry run says it too; like that of a single run it ends well where the sizes are known.
  const Flags dry = sweep_flags().with({{"sweep_dry_run", ""}});
  const ProcessResult plan = run(dry);
  EXPECT_EQ(plan.exit_code, static_cast<int>(ExitCode::data)) << plan.err;
  EXPECT_EQ(count_of(plan.out, "_seed-42_"), 4u) << plan.out;
  EXPECT_TRUE(contains(plan.out, "4 runs: 0 to run, 0 done, 4 failed")) << plan.out;
  EXPECT_EQ(count_of(plan.err, "4 of 4 rows cannot train: no training data"), 1u) << plan.err;
  data::testing::write_bytes(path("sweep.json"), R"({"base": {"vocab_size": 64, )" + parts);
  const ProcessResult sized = run(dry);
  EXPECT_EQ(sized.exit_code, 0) << sized.err;
  EXPECT_EQ(count_of(sized.err, "4 of 4 rows cannot train: no training data"), 1u) << sized.err;
  EXPECT_TRUE(contains(sized.out, "match_parameters: embed_dim ")) << sized.out;
  expect_failure(run(sweep_flags()), ExitCode::data, sentence);
  EXPECT_FALSE(fs::exists(path("runs")));
}

TEST_F(SweepTest, MissingDataOfSomeRowsAreTheirReason) {
  data::testing::write_bytes(path("sweep.json"), R"({"base": {"embed_dim": 16, "num_heads": 2,
      "num_layers": 1, "max_seq_length": 16, "batch_size": 4, "max_steps": 2, "threads": 1},
      "groups": [{"name": "here", "base": {"synthetic_data": true}},
      {"name": "gone", "base": {"data_dir": "nowhere"}, "grid": {"num_experts": [2, 3]}}]})");
  const ProcessResult result = run(sweep_flags());
  expect_failure(result, ExitCode::rows_failed, {"2 of 3 rows are not done"});
  EXPECT_TRUE(contains(result.err, "2 of 3 rows cannot train: no training data")) << result.err;
  EXPECT_EQ(count_of(result.err, "no training data"), 2u) << "at the start and at the end";
  EXPECT_EQ(column("status").dump(), R"(["done","failed","failed"])");
  EXPECT_EQ(column("reason").dump(), R"([null,"data","data"])");
  EXPECT_EQ(column("exit_code").dump(), "[0,3,3]");
  EXPECT_EQ(column("data_mode").dump(), R"(["synthetic",null,null])");
  // Once they are there the same command trains them.
  write_dataset(path("nowhere/wikitext/wikitext-2-v1"), make_documents(21, 1),
                make_documents(5, 2));
  expect_success(run(sweep_flags()));
  EXPECT_EQ(column("data_mode").dump(), R"(["synthetic","real","real"])");
}

TEST_F(SweepTest, PartsThatMatchNothingAreToldBeforeAnythingStarts) {
  write_sweep(R"("grid": {"num_experts": [2, 3]}, "questions": [
      {"title": "?", "factor": "num_experts", "where": {"group": "zzz"}}],
      "expected": [{"where": {"num_experts": 9}, "eval_loss": 1, "source": "x"}])");
  expect_failure(run(sweep_flags()), ExitCode::usage,
                 {"no group has the name \"zzz\"", "expected[0].where: no row has"});
  EXPECT_FALSE(fs::exists(path("runs")));
  write_sweep(R"("grid": {"num_experts": [2]},
      "constraints": [{"if": {"coupler_type": "HGNN"}, "then": {"num_experts": 3}}])");
  for (const Flags& flags : {sweep_flags().with({{"sweep_dry_run", ""}}),
                             sweep_flags().with({{"quiet", ""}}), sweep_flags()}) {
    const ProcessResult result = run(flags);
    expect_success(result);
    EXPECT_EQ(count_of(result.err, "constraints[0]: nothing meets its \"if\""), 1u) << result.err;
  }
}

TEST_F(SweepTest, FinishedRowsStayWhenTheirDataAreGone) {
  write_dataset(path("data/wikitext/wikitext-2-v1"), make_documents(21, 1), make_documents(5, 2));
  data::testing::write_bytes(path("sweep.json"),
                             R"({"base": {"embed_dim": 16, "num_heads": 2, "num_layers": 1,
      "data_dir": "data", "max_seq_length": 16, "batch_size": 4,
      "max_steps": 3, "threads": 1}, "grid": {"num_experts": [2, 3]}})");
  expect_success(run(sweep_flags()));
  const Json before = table();
  fs::rename(path("data"), path("elsewhere"));
  for (const Flags& flags : {sweep_flags(), sweep_flags().with({{"vocab_size", "64"}})}) {
    expect_failure(run(flags), ExitCode::data, {"2 finished rows of", "bring the data back"});
    EXPECT_EQ(table(), before);
  }
  // Where the data lie does not matter.
  expect_success(run(sweep_flags().with({{"data_dir", "elsewhere"}})));
  EXPECT_EQ(column("status").dump(), R"(["done","done"])");
  EXPECT_EQ(table().at("rows"), before.at("rows"));
}

TEST_F(SweepTest, WhatAnEarlierStopSummedUpIsNotTheRows) {
  data::testing::write_bytes(path("sweep.json"),
                             R"({"base": {"synthetic_data": true, "vocab_size": 64, "embed_dim": 16,
      "num_heads": 2, "device": "cuda:99"}})");
  expect_success(run(sweep_flags().with({{"sweep_export", "commands"}})));
  data::testing::write_bytes(
      run_folder(0) / "run_summary.json",
      R"({"status": "stopped", "steps": 91, "best_eval_loss": 2.5, "seconds": 3})");
  expect_failure(run(sweep_flags()), ExitCode::rows_failed, {"failed: bad_options: device"});
  EXPECT_EQ(column("steps").dump(), "[null]");
  EXPECT_EQ(column("best_eval_loss").dump(), "[null]");
  EXPECT_TRUE(column("measured")[0].at("seconds").is_null());
}

TEST_F(SweepTest, AFullDiskStopsTheSweepAtItsFirstRow) {
  write_sweep(R"("grid": {"num_experts": [2, 3, 4]})");
  ProcessOptions full;
  full.file_size_limit = 20000;  // less than model.safetensors, more than all else here
  expect_failure(
      run(sweep_flags(), full), ExitCode::disk,
      {"the sweep stops with 2 rows to run", "model.safetensors", "--sweep_retry_failed"});
  EXPECT_EQ(column("status").dump(), R"(["failed","pending","pending"])");
  EXPECT_EQ(column("reason").dump(), R"(["disk",null,null])");
  expect_success(run(sweep_flags().with({{"sweep_retry_failed", ""}})));
}

// As a caller with trap '' CHLD leaves it.
TEST_F(SweepTest, ACallerThatIgnoresTheEndsOfChildrenDoesNotMatter) {
  write_sweep(R"("grid": {"num_experts": [2]})");
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  const auto process = start(sweep_flags());
  std::signal(SIGCHLD, before);
  expect_success(process->wait());
}

TEST_F(SweepTest, RunsSideBySideShareTheCores) {
  data::testing::write_bytes(path("sweep.json"), R"({"base": {"synthetic_data": true,
      "vocab_size": 64, "embed_dim": 16, "num_heads": 2, "num_layers": 1, "max_seq_length": 16,
      "max_steps": 3, "num_eval_samples": 4}, "grid": {"num_experts": [2, 3, 4, 5]}})");
  expect_success(run(sweep_flags().with({{"sweep_jobs", "3"}})));
  EXPECT_EQ(column("status").dump(), R"(["done","done","done","done"])");
  cpu_set_t cores;
  ASSERT_EQ(sched_getaffinity(0, sizeof(cores), &cores), 0);
  EXPECT_EQ(read_json(run_folder(0) / "config.json").at("threads"),
            std::max(1, CPU_COUNT(&cores) / 3));
}

TEST_F(SweepTest, ASecondSweepInTheFolderIsTurnedAway) {
  write_sweep(R"("grid": {"max_steps": [1000000]}, "zip": {"epochs": [1000000]})");
  const auto first = start(sweep_flags());
  while (first->is_running() && !fs::exists(path("runs/sweep/sweep.json"))) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  // Without the lock it would train for ever.
  expect_failure(start(sweep_flags())->wait(std::chrono::seconds(60)), ExitCode::usage,
                 {"is in use by another process"});
  EXPECT_TRUE(first->is_running());
}

TEST_F(SweepTest, MistakesOfTheFileStartNothing) {
  write_sweep(R"("grid": {"num_expert": [2], "embed_dim": ["x"]})");
  expect_failure(run(sweep_flags()), ExitCode::usage,
                 {"did you mean num_experts?", "embed_dim is \"x\""});
  EXPECT_FALSE(fs::exists(path("runs")));
  write_sweep(R"("grid": {"num_experts": [2, 3]})");
  expect_failure(run(sweep_flags().with({{"num_experts", "4"}})), ExitCode::usage,
                 {"num_experts (flag) goes over all runs"});
  EXPECT_FALSE(fs::exists(path("runs")));
}

TEST_F(SweepTest, ADryRunPrintsTheTableAndWritesNothing) {
  write_sweep(R"("grid": {"coupler_type": ["GNN", "HGNN"], "num_experts": [2, 3]},
      "constraints": [{"if": {"coupler_type": "HGNN"}, "then": {"num_experts": {"min": 3}}}])");
  const ProcessResult result = run(sweep_flags().with({{"sweep_dry_run", ""}}));
  expect_success(result);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(count_of(result.out, "_seed-42_"), 3u) << result.out;
  EXPECT_TRUE(contains(result.out, "left out by constraints: 1")) << result.out;
  EXPECT_TRUE(contains(result.out, "3 runs: 3 to run, 0 done, 0 failed")) << result.out;
  EXPECT_TRUE(contains(result.out, "0.6 of the rate")) << result.out;
  EXPECT_FALSE(fs::exists(path("runs")));

  expect_success(run(sweep_flags()));
  const ProcessResult after = run(sweep_flags().with({{"sweep_dry_run", ""}}));
  EXPECT_TRUE(contains(after.out, "3 runs: 0 to run, 3 done, 0 failed")) << after.out;
  EXPECT_TRUE(contains(after.out, "median rate of the rows that are done")) << after.out;
}

TEST_F(SweepTest, ADryRunOfVeryWideModelsNeedsLittleMemory) {
  write_sweep(R"("grid": {"embed_dim": [16, 65536]})");
  ProcessOptions limited;
  limited.address_space_limit = 32L << 30;  // less than a product of that width takes
  const ProcessResult result = run(sweep_flags().with({{"sweep_dry_run", ""}}), limited);
  expect_success(result);
  EXPECT_TRUE(contains(result.out, "2 runs: 2 to run")) << result.out;
  EXPECT_FALSE(contains(result.out, "time is not known")) << result.out;
}

TEST_F(SweepTest, ExportedCommandsAreCollected) {
  write_sweep(R"("grid": {"num_experts": [2, 3]})");
  expect_success(run(sweep_flags().with({{"sweep_export", "commands"}})));
  EXPECT_EQ(column("status").dump(), R"(["pending","pending"])");
  std::istringstream lines(data::testing::read_bytes(path("runs/sweep/commands.txt")));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    ProcessOptions elsewhere;
    elsewhere.folder = "/";
    expect_success(run_process({"/bin/sh", "-c", line}, elsewhere));
  }
  EXPECT_EQ(count, 2u);
  const ProcessResult collected = run(sweep_flags());
  expect_success(collected);
  EXPECT_EQ(column("status").dump(), R"(["done","done"])");
  EXPECT_FALSE(fs::exists(run_folder(0) / "output.log")) << "nothing had to be run";
}

TEST_F(SweepTest, SizesAndTimesAreMatched) {
  write_sweep(R"("groups": [
      {"name": "reference", "base": {"coupler_type": "HGNN", "num_experts": 4}},
      {"name": "as large", "base": {"coupler_type": "NONE", "num_experts": 1},
       "match_parameters": {"coupler_type": "HGNN", "num_experts": 4}},
      {"name": "as long", "base": {"coupler_type": "NONE", "num_experts": 1},
       "match_time": {"coupler_type": "HGNN", "num_experts": 4}}])");
  const Flags flags = sweep_flags().with({{"eval_every", "0"}, {"max_steps", "100"}});
  expect_success(run(flags));
  const Json rows = table().at("rows");
  const double reference = rows[0].at("parameters").at("total").get<double>();
  EXPECT_NEAR(rows[1].at("parameters").at("total").get<double>() / reference, 1.0, 0.01);
  EXPECT_TRUE(contains(rows[1].at("notes")[0], "match_parameters: embed_dim"));
  EXPECT_TRUE(contains(rows[2].at("notes")[0], "match_time: "));
  const std::int64_t steps = rows[2].at("steps");
  EXPECT_GT(steps, 0);
  EXPECT_EQ(read_series(run_folder(2), "step", "learning_rate").size(),
            static_cast<std::size_t>(steps));
  EXPECT_LT(read_series(run_folder(2), "step", "learning_rate").back(), 1e-5)
      << "the schedule spans them";
  EXPECT_FALSE(fs::exists(run_folder(2) / "calibration"));

  const Json before = table();
  expect_success(run(flags));
  EXPECT_EQ(table(), before) << "the length is chosen once";
}

}  // namespace
}  // namespace hgnn_moe::e2e
