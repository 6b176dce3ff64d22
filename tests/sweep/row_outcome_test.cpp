#include "hgnn_moe/sweep/row_outcome.h"

#include <csignal>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

class RowOutcomeTest : public testing::Test {
 protected:
  RowOutcome after(const ChildEnd& end, const std::string& said = "") {
    return outcome_of(end, said, folder_.path());
  }

  void write_summary(const std::string& status) {
    put_file(folder_ / "run_summary.json",
             R"({"status": ")" + status +
                 R"(", "data_mode": "real", "steps": 7, "tokens": 70, "best_eval_loss": 2.5,
                 "final_eval_loss": 2.75, "seconds": 3.5, "tokens_per_s": 20.0,
                 "peak_memory_bytes": 1000, "needed_flops_per_s": 1e9})");
  }

  const TemporaryFolder folder_;
};

TEST_F(RowOutcomeTest, EveryExitCodeHasItsReason) {
  const std::pair<ExitCode, const char*> reasons[] = {
      {ExitCode::internal, "internal"}, {ExitCode::usage, "bad_options"},
      {ExitCode::data, "data"},         {ExitCode::checkpoint, "checkpoint"},
      {ExitCode::diverged, "diverged"}, {ExitCode::out_of_memory, "out_of_memory"},
      {ExitCode::disk, "disk"},         {ExitCode::self_check, "internal"}};
  for (const auto& [code, reason] : reasons) {
    const RowOutcome outcome = after({static_cast<int>(code)});
    EXPECT_EQ(outcome.status, RowStatus::failed);
    EXPECT_EQ(outcome.reason, reason);
    EXPECT_EQ(outcome.end->exit_code, static_cast<int>(code));
  }
  EXPECT_EQ(after({0}).status, RowStatus::done);
  EXPECT_EQ(after({0}).reason, "");
}

TEST_F(RowOutcomeTest, SignalsHaveTheirReasonsToo) {
  EXPECT_EQ(after({0, SIGSEGV}).reason, "crashed");
  EXPECT_EQ(after({0, SIGSEGV}).message, "ended by signal 11");
  EXPECT_EQ(after({0, SIGKILL}).reason, "crashed");
  EXPECT_EQ(after({0, SIGKILL}).message,
            "killed by SIGKILL: by the kernel for lack of memory, or by hand");
  EXPECT_EQ(after({0, SIGABRT}).reason, "crashed");
  EXPECT_EQ(after({0, SIGABRT}, "terminate called after throwing 'std::bad_alloc'\n").reason,
            "out_of_memory");
}

TEST_F(RowOutcomeTest, TheKernelsKillIsForLackOfMemoryWhereItSaysSo) {
  const RowOutcome killed = outcome_of({0, SIGKILL}, "", folder_.path(), /*memory_ran_out=*/true);
  EXPECT_EQ(killed.reason, "out_of_memory");
  EXPECT_EQ(killed.message, "killed by the kernel for lack of memory");
  const RowOutcome crashed = outcome_of({0, SIGSEGV}, "", folder_.path(), true);
  EXPECT_EQ(crashed.reason, "crashed") << "that was another process";
}

TEST_F(RowOutcomeTest, AMessageIsText) {
  EXPECT_EQ(after({3}, "hgnn_moe_train: no e\xFF\n").message, "no e\xEF\xBF\xBD");
}

TEST_F(RowOutcomeTest, AStoppedRunIsNoFailure) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    EXPECT_EQ(after({128 + number}).status, RowStatus::stopped);
    EXPECT_EQ(after({0, number}).status, RowStatus::stopped) << "before it could save";
  }
}

TEST_F(RowOutcomeTest, TheMessageIsWhatTheProgramSaidLast) {
  EXPECT_EQ(after({5}, "12:00 info step 1\nhgnn_moe_train: step 2: the loss is nan\n").message,
            "step 2: the loss is nan");
  EXPECT_EQ(after({2}, "hgnn_moe_train: one\ntwo\n").message, "one\ntwo") << "all of it";
  EXPECT_EQ(after({2}, "hgnn_moe_train: old\nhgnn_moe_train: new\n").message, "new");
  EXPECT_EQ(after({127}, "sh: not found\nlast line\n").message, "last line");
  EXPECT_EQ(after({1}).message, "");
}

TEST_F(RowOutcomeTest, ResultsComeFromTheRunsFiles) {
  write_summary("done");
  put_file(folder_ / "metrics.jsonl",
           R"({"event":"step","data_ms":1,"forward_ms":20,"backward_ms":30,"optimizer_ms":4})"
           "\n"
           R"({"event":"eval","loss":2.5})"
           "\n"
           R"({"event":"step","data_ms":0,"forward_ms":25,"backward_ms":20,"optimizer_ms":0})"
           "\n"
           R"({"event":"step","da)");
  const RowOutcome outcome = after({0});
  EXPECT_EQ(outcome.results.dump(),
            R"({"data_mode":"real","steps":7,"tokens":70,"best_eval_loss":2.5,)"
            R"("final_eval_loss":2.75})");
  EXPECT_EQ(outcome.measured.at("seconds"), 3.5);
  EXPECT_DOUBLE_EQ(outcome.measured.at("train_seconds").get<double>(), 0.1);
  EXPECT_EQ(outcome.measured.at("tokens_per_s"), 20.0);
  EXPECT_EQ(outcome.measured.at("peak_memory_bytes"), 1000);
  EXPECT_EQ(step_milliseconds(folder_.path()), (std::vector<double>{55, 45}));
}

TEST_F(RowOutcomeTest, TheCommitIsThatOfTheProgramThatRan) {
  EXPECT_TRUE(to_json(after({3})).at("commit").is_null());
  put_file(folder_ / "config.json", R"({"commit": "v0-12-gabc"})");
  EXPECT_EQ(to_json(after({0})).at("commit"), "v0-12-gabc");
  EXPECT_EQ(outcome_from_json(to_json(after({0}))).commit, "v0-12-gabc");
}

TEST_F(RowOutcomeTest, WithoutFilesResultsAreNull) {
  const RowOutcome outcome = after({6});
  for (const auto& [key, value] : outcome.results.items()) EXPECT_TRUE(value.is_null()) << key;
  for (const auto& [key, value] : outcome.measured.items()) EXPECT_TRUE(value.is_null()) << key;
}

TEST_F(RowOutcomeTest, AFinishedRunIsKnownByItsSummary) {
  EXPECT_FALSE(outcome_of_finished_run(folder_.path()).has_value());
  write_summary("stopped");
  EXPECT_FALSE(outcome_of_finished_run(folder_.path()).has_value());
  write_summary("done");
  const auto outcome = outcome_of_finished_run(folder_.path());
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->status, RowStatus::done);
  EXPECT_EQ(outcome->results.at("steps"), 7);
}

TEST_F(RowOutcomeTest, ARecordReadsBack) {
  write_summary("diverged");
  for (const ChildEnd& end : {ChildEnd{0}, ChildEnd{5}, ChildEnd{0, SIGKILL}}) {
    const Json record = to_json(after(end, "hgnn_moe_train: why\n"));
    EXPECT_EQ(to_json(outcome_from_json(record)), record);
  }
  const Json fresh = to_json(RowOutcome{});
  EXPECT_EQ(fresh.at("status"), "pending");
  EXPECT_TRUE(fresh.at("exit_code").is_null());
  EXPECT_EQ(to_json(outcome_from_json(fresh)), fresh);
}

TEST_F(RowOutcomeTest, IsSaidInALine) {
  write_summary("done");
  EXPECT_EQ(describe(after({0})), "done, best evaluation loss 2.5000, 3.5 s of training");
  EXPECT_EQ(describe(after({5}, "hgnn_moe_train: why")), "failed: diverged: why");
  EXPECT_EQ(describe(RowOutcome{}), "pending");
}

}  // namespace
}  // namespace hgnn_moe
