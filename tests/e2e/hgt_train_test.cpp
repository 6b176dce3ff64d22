// hgt_embed train as users run it: files, figures, resumes and messages.
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/hgt_train_fixture.h"

namespace hgnn_moe::e2e {
namespace {

using HgtTrainTest = HgtRunTest;

TEST_F(HgtTrainTest, WritesTheFilesOfARun) {
  const ProcessResult result = train(tiny());
  expect_success(result);
  EXPECT_EQ(
      names_in(path("runs/run")),
      (std::vector<std::string>{".lock", "checkpoints", "config.json", "embeddings.safetensors",
                                "metrics.jsonl", "run_summary.json", "tensorboard", "train.log"}));
  const Json record = summary();
  EXPECT_EQ(record.at("status"), "done");
  EXPECT_EQ(record.at("epochs"), 12);
  EXPECT_EQ(record.at("results").at("test").at("micro").at("ranks"), 24);
  EXPECT_EQ(read_events(path("runs/run"), "eval").size(), 4u);
  EXPECT_EQ(read_series(path("runs/run"), "step", "triples").size(), 36u);
  const Json config = read_json(path("runs/run/config.json"));
  EXPECT_EQ(config.at("config").at("hidden_dim"), 16);
  EXPECT_EQ(config.at("graph").at("nodes"), kEntities);
  EXPECT_EQ(config.at("provenance").at("num_epochs"), "flag");
  EXPECT_EQ(config.at("provenance").at("loss"), "default");
}

TEST_F(HgtTrainTest, LearnsWhatFollowsFromTheRest) {
  // A circle's rotations commute, which rotations of complex numbers hold exactly.
  expect_success(train(tiny().with({{"decoder", "rotate"},
                                    {"messages", "none"},
                                    {"margin", "6"},
                                    {"loss", "bce"},
                                    {"learning_rate", "0.02"},
                                    {"num_epochs", "300"},
                                    {"eval_every", "0"}})));
  const double mrr = summary().at("results").at("test").at("micro").at("mrr").get<double>();
  EXPECT_GT(mrr, 0.5) << "by chance 0.09";
}

TEST_F(HgtTrainTest, KilledAndResumedItEndsWithTheSameBits) {
  const Flags flags = tiny().with({{"num_epochs", "30"},
                                   {"dropout_rate", "0.2"},
                                   {"num_neighbors", "2,3"},
                                   {"num_negatives", "10"},
                                   {"resume_checkpoint", "auto"}});
  expect_success(train(flags.with({{"checkpoint_dir", "twin"}})));
  for (const int signal : {SIGKILL, SIGTERM}) {
    Process process(command("train", "circle", flags), options());
    const std::size_t before = fs::exists(path("runs/run/metrics.jsonl"))
                                   ? fs::file_size(path("runs/run/metrics.jsonl"))
                                   : 0;
    const auto grown = [&] {
      std::error_code missing;
      const auto size = fs::file_size(path("runs/run/metrics.jsonl"), missing);
      return !missing && size > before + 8000;
    };
    while (process.is_running() && !grown()) {
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    process.send(signal);
    const ProcessResult result = process.wait();
    ASSERT_TRUE(result.signal == SIGKILL || result.exit_code == 128 + SIGTERM) << result.err;
  }
  EXPECT_EQ(summary().at("status"), "stopped");
  expect_success(train(flags));
  expect_same_run(path("twin/run"), path("runs/run"));
  EXPECT_EQ(data::testing::read_bytes(path("twin/run/embeddings.safetensors")),
            data::testing::read_bytes(path("runs/run/embeddings.safetensors")));
}

// On a large graph the ranks of the test take longer than many a step; whoever stops a run there
// has lost nothing.
TEST_F(HgtTrainTest, ASignalIsHeardWhileTheTestIsRanked) {
  constexpr int kMany = 20'000;
  std::string rows;
  for (int i = 0; i < kMany; ++i) rows += fmt::format("e{}\tnext\te{}\n", i, (i + 1) % kMany);
  data::testing::write_bytes(path("ring.tsv"), rows);
  const Flags flags = tiny().with({{"max_steps", "1"},
                                   {"test_fraction", "0.5"},
                                   {"num_eval_triples", "10"},
                                   {"resume_checkpoint", "auto"}});
  Process process(command("train", "ring.tsv", flags), options());
  while (process.is_running() && !fs::exists(path("runs/run/checkpoints/latest"))) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  process.send(SIGINT);
  const ProcessResult stopped = process.wait();
  EXPECT_EQ(stopped.exit_code, 128 + SIGINT) << stopped.err;
  EXPECT_TRUE(contains(stopped.err, "stopped by signal 2 after step 1; resume with"))
      << stopped.err;
  EXPECT_EQ(summary().at("status"), "stopped");
  EXPECT_TRUE(summary().at("results").is_null());
  expect_success(train(flags, "ring.tsv"));
  EXPECT_EQ(summary().at("results").at("test").at("micro").at("errors"), 0);
}

TEST_F(HgtTrainTest, WorkersAndThreadsChangeNoBit) {
  expect_success(train(tiny().with({{"num_workers_dataloader", "0"}})));
  expect_success(train(tiny().with(
      {{"num_workers_dataloader", "3"}, {"threads", "2"}, {"checkpoint_dir", "other"}})));
  expect_same_metrics(path("runs/run"), path("other/run"));
}

TEST_F(HgtTrainTest, ARunThatDiffersIsRefusedByName) {
  expect_success(train(tiny()));
  const ProcessResult result = train(tiny().with(
      {{"resume_checkpoint", "auto"}, {"hidden_dim", "32"}, {"learning_rate", "0.02"}}));
  EXPECT_EQ(result.exit_code, 2);
  for (const char* part : {"hidden_dim: 16 in the checkpoint, 32 now",
                           "learning_rate: 0.01 in the checkpoint, 0.02 now"}) {
    EXPECT_TRUE(contains(result.err, part)) << result.err;
  }
}

TEST_F(HgtTrainTest, EpochsMayBeRaised) {
  expect_success(train(tiny()));
  const ProcessResult result =
      train(tiny().with({{"resume_checkpoint", "auto"}, {"num_epochs", "15"}}));
  expect_success(result);
  EXPECT_TRUE(contains(result.err, "raised num_epochs from 12 to 15")) << result.err;
  EXPECT_EQ(summary().at("epochs"), 15);
}

// The first update by itself overflows; a resume would refuse another rate.
TEST_F(HgtTrainTest, WhatADivergedRunAdvisesCanBeDone) {
  const Flags diverging = tiny().with({{"learning_rate", "1e38"}, {"num_epochs", "3"}});
  const auto expect_diverged = [](const ProcessResult& result, const char* what) {
    EXPECT_EQ(result.exit_code, 5);
    EXPECT_TRUE(contains(result.err, what)) << result.err;
    EXPECT_TRUE(contains(result.err,
                         "lower learning_rate 1e+38 and train again with another --run_name or "
                         "with --overwrite"))
        << result.err;
  };
  expect_diverged(train(diverging), "hgt_embed: step 2: the loss is ");
  // One step an epoch: nothing but the checkpoint after it can see what it did.
  const ProcessResult result =
      train(diverging.with({{"overwrite", ""}, {"batch_size", "1000"}, {"num_epochs", "1"}}));
  expect_diverged(result, "weight holds a value that is not finite");
  EXPECT_FALSE(fs::exists(path("runs/run/checkpoints/latest"))) << "nothing was published";
  EXPECT_EQ(summary().at("status"), "diverged");
  expect_success(train(tiny().with({{"overwrite", ""}, {"num_epochs", "3"}})));
}

TEST_F(HgtTrainTest, ASummaryThatCannotBeWrittenDoesNotHideADivergence) {
  fs::create_directories(path("runs/run/run_summary.json/in_the_way"));
  const ProcessResult result = train(
      tiny().with({{"learning_rate", "1e38"}, {"num_epochs", "3"}, {"resume_checkpoint", "auto"}}));
  EXPECT_EQ(result.exit_code, 5) << result.err;
  EXPECT_TRUE(contains(result.err, "run_summary.json is not written: ")) << result.err;
  EXPECT_TRUE(contains(result.err, "lower learning_rate 1e+38")) << result.err;
}

TEST_F(HgtTrainTest, DryRunPrintsAndTouchesNothing) {
  const ProcessResult result = train(tiny().with({{"dry_run", ""}}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const Json record = Json::parse(result.out);
  EXPECT_EQ(record.at("graph").at("nodes"), kEntities);
  EXPECT_GT(record.at("parameters").get<std::int64_t>(), kEntities * 16);
  EXPECT_FALSE(fs::exists(path("runs")));
}

TEST_F(HgtTrainTest, MistakesAreToldTogether) {
  const ProcessResult result = train(tiny().with({{"num_heads", "3"},
                                                  {"decoder", "complex"},
                                                  {"embedding_dim", "15"},
                                                  {"num_neighbors", "5"},
                                                  {"batch_size", "3"},
                                                  {"accumulation_steps", "4"},
                                                  {"valid_fraction", "0.6"},
                                                  {"test_fraction", "0.4"}}));
  EXPECT_EQ(result.exit_code, 2);
  for (const char* part :
       {"num_heads is 3, which does not divide hidden_dim 16", "embedding_dim is 15",
        "num_neighbors is 5, 1 numbers for num_layers 2", "leave nothing to train on",
        "batch_size is 3, which cannot be cut into accumulation_steps 4"}) {
    EXPECT_TRUE(contains(result.err, part)) << part << '\n' << result.err;
  }
  EXPECT_FALSE(fs::exists(path("runs")));
}

TEST_F(HgtTrainTest, AMissingGraphIsToldWithItsPath) {
  const ProcessResult result = train(tiny(), "nowhere/kg.csv");
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_TRUE(contains(result.err, "nowhere/kg.csv")) << result.err;
}

}  // namespace
}  // namespace hgnn_moe::e2e
