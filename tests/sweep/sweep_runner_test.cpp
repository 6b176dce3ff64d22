// The runs are this very program of tests, asked for a test that takes a moment and no more.
#include "hgnn_moe/sweep/sweep_runner.h"

#include <csignal>
#include <fstream>
#include <thread>

#include <sched.h>
#include <stdlib.h>

#include "tests/sweep/sweep_support.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/log.h"

namespace hgnn_moe {
namespace {

TEST(MachineShare, CoresAreShared) {
  const auto threads = [](std::int64_t jobs, std::int64_t cores) {
    return MachineShare{jobs, cores, 0}.threads();
  };
  EXPECT_EQ(threads(1, 8), 0) << "all of them";
  EXPECT_EQ(threads(2, 8), 4);
  EXPECT_EQ(threads(3, 8), 2);
  EXPECT_EQ(threads(8, 2), 1) << "never none";
}

TEST(MachineShare, CoresAreThoseThatThisProcessMayUse) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  EXPECT_EQ(machine_share(1).cores, CPU_COUNT(&before));
  int core = 0;
  while (!CPU_ISSET(core, &before)) ++core;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(machine_share(1).cores, 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

TEST(MachineShare, KnowsThisMachine) {
  const MachineShare share = machine_share(3);
  EXPECT_EQ(share.jobs, 3);
  EXPECT_GE(share.cores, 1);
  EXPECT_GE(share.gpus, 0);
}

TEST(SweepRunnerRun, DISABLED_TakesAMoment) {
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
}
TEST(SweepRunnerRun, DISABLED_TakesLong) { std::this_thread::sleep_for(std::chrono::seconds(5)); }

class SweepRunnerTest : public SweepFileTest {
 protected:
  void SetUp() override {
    setenv("GTEST_ALSO_RUN_DISABLED_TESTS", "1", 1);
    run_is("DISABLED_TakesAMoment");
  }
  void TearDown() override {
    unsetenv("GTEST_FILTER");
    unsetenv("GTEST_ALSO_RUN_DISABLED_TESTS");
  }

  static void run_is(const std::string& test) {
    setenv("GTEST_FILTER", ("SweepRunnerRun." + test).c_str(), 1);
  }

  SweepRecords open(const std::string& parts) {
    SweepPlan rows = plan(parts);
    std::filesystem::create_directories(folder() / "runs");
    return SweepRecords(folder() / "runs", read_sweep_file((folder() / "sweep.json").string()),
                        std::move(rows), forecaster_);
  }

  bool run(SweepRecords& records, const MachineShare& share = {}) {
    const auto log = make_logger(/*quiet=*/true, folder() / "log");
    SweepRunner runner(records, forecaster_, share, *log);
    return runner.run(StopSignal());
  }

  // Lines of the log with `part`, so far.
  std::vector<std::string> said(const std::string& part) const {
    std::ifstream log(folder() / "log");
    std::vector<std::string> lines;
    for (std::string line; std::getline(log, line);) {
      if (contains(line, part)) lines.push_back(line);
    }
    return lines;
  }

  static RowOutcome outcome_with(RowStatus status, const std::string& reason = "") {
    RowOutcome outcome;
    outcome.status = status;
    outcome.reason = reason;
    return outcome;
  }

  Forecaster forecaster_;
};

constexpr const char* kFour = R"("grid": {"num_experts": [2, 3, 4, 5]})";
// A reference and a row of its time.
constexpr const char* kEqualTime = R"("groups": [
    {"name": "reference", "base": {"coupler_type": "GNN"}},
    {"name": "plain", "base": {"coupler_type": "NONE", "num_experts": 1},
     "match_time": {"coupler_type": "GNN", "num_experts": 2}}])";

TEST_F(SweepRunnerTest, AsManyRunAtATimeAsThereAreJobs) {
  SweepRecords records = open(kFour);
  EXPECT_TRUE(run(records, {3, 6, 0}));
  EXPECT_EQ(records.count(RowStatus::done), 4u);
  int running = 0, most = 0;
  for (const std::string& line : said("")) {
    if (contains(line, ": started ")) most = std::max(most, ++running);
    if (contains(line, " of 4 rows: ")) --running;
  }
  EXPECT_EQ(most, 3);
  EXPECT_EQ(running, 0);
}

TEST_F(SweepRunnerTest, RunsTakeGpusInTurnAndTheirShareOfCores) {
  SweepRecords records = open(R"("grid": {"num_experts": [2, 3]},
              "points": [{"num_experts": 4, "device": "cpu", "threads": 1},
                         {"num_experts": 5, "device": "cuda:1"}])");
  run(records, {4, 12, 2});
  EXPECT_EQ(said("started --device cuda:0 --threads 3").size(), 1u);
  EXPECT_EQ(said("started --device cuda:1 --threads 3").size(), 1u);
  ASSERT_EQ(said(records.rows()[2].id + ": started").size(), 1u);
  EXPECT_FALSE(contains(said(records.rows()[2].id + ": started")[0], "--"))
      << "it has said both itself";
  EXPECT_TRUE(contains(said(records.rows()[3].id + ": started")[0], ": started --threads 3"));
}

TEST_F(SweepRunnerTest, ASignalIsPassedOnToAllRuns) {
  run_is("DISABLED_TakesLong");
  SweepRecords records = open(R"("grid": {"num_experts": [2, 3, 4]})");
  const auto log = make_logger(/*quiet=*/true, folder() / "log");
  SweepRunner runner(records, forecaster_, {2, 2, 0}, *log);
  const StopSignal stop;
  std::thread user([&] {
    while (said(": started ").size() < 2) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    kill(getpid(), SIGTERM);
  });
  EXPECT_FALSE(runner.run(stop));
  user.join();
  EXPECT_EQ(records.count(RowStatus::stopped), 2u);
  EXPECT_EQ(records.count(RowStatus::pending), 1u);
}

TEST_F(SweepRunnerTest, WhatIsDoneOrHasFailedIsLeftAlone) {
  SweepRecords records = open(R"("grid": {"num_experts": [2, 3, 4], "num_heads": [2, 3]})");
  records.set_outcome(0, outcome_with(RowStatus::done));
  records.set_outcome(2, outcome_with(RowStatus::failed, "diverged"));
  records.set_outcome(4, outcome_with(RowStatus::stopped));
  EXPECT_TRUE(run(records));
  EXPECT_EQ(said(": started ").size(), 1u) << "that was stopped";
  EXPECT_EQ(records.count(RowStatus::failed), 4u) << "three have bad options";

  records.retry_failed();
  EXPECT_TRUE(run(records));
  EXPECT_EQ(said(records.rows()[2].id + ": started ").size(), 1u);
  EXPECT_EQ(said(": started ").size(), 2u) << "what cannot start is not tried";
  EXPECT_EQ(records.count(RowStatus::done), 3u);
}

TEST_F(SweepRunnerTest, AFailedReferenceIsTheRowsFailureToo) {
  SweepRecords records = open(kEqualTime);
  records.set_outcome(0, outcome_with(RowStatus::failed, "diverged"));
  EXPECT_TRUE(run(records));
  EXPECT_TRUE(said(": started ").empty() && said(": its speed is measured").empty());
  EXPECT_EQ(records.outcome(1).status, RowStatus::failed);
  EXPECT_EQ(records.outcome(1).reason, "diverged");
  EXPECT_EQ(records.outcome(1).message,
            "match_time: its reference " + records.rows()[0].id + " failed");
}

TEST_F(SweepRunnerTest, ARowWaitsForItsReferenceAndATimeThatFits) {
  SweepRecords records = open(kEqualTime);
  EXPECT_TRUE(run(records, {2, 2, 0}));
  const std::vector<std::string> lines = said(" ");
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_TRUE(contains(lines[0], records.rows()[0].id + ": started"));
  EXPECT_TRUE(contains(lines[1], "1 of 2 rows: "));
  EXPECT_TRUE(contains(lines[2], records.rows()[1].id + ": its speed is measured"));
  EXPECT_EQ(records.outcome(1).status, RowStatus::failed) << "neither has made a step";
  EXPECT_EQ(records.outcome(1).reason, "bad_options");
  EXPECT_TRUE(contains(records.outcome(1).message, "match_time: the reference made 0 steps"));
}

TEST_F(SweepRunnerTest, AFolderThatAnotherProcessHasIsWaitedFor) {
  SweepRecords records = open(R"("grid": {"num_experts": [2, 3]})");
  std::filesystem::create_directories(records.run_folder(0));
  auto lock = std::make_optional(FolderLock::acquire(records.run_folder(0)));
  std::thread other([&] {
    while (said(" of 2 rows: ").empty()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    lock.reset();
  });
  EXPECT_TRUE(run(records));
  other.join();
  const std::vector<std::string> started = said(": started ");
  ASSERT_EQ(started.size(), 2u);
  EXPECT_TRUE(contains(started[0], records.rows()[1].id)) << "the other one goes first";
  EXPECT_EQ(records.count(RowStatus::done), 2u);
}

}  // namespace
}  // namespace hgnn_moe
