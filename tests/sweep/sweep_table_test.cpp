#include "hgnn_moe/sweep/sweep_table.h"

#include "tests/sweep/sweep_support.h"

#include "hgnn_moe/base/text.h"

namespace hgnn_moe {
namespace {

class SweepTableTest : public SweepFileTest {
 protected:
  SweepRecords open(const std::string& parts) {
    SweepPlan rows = plan(parts);
    return SweepRecords(folder() / "runs", read_sweep_file((folder() / "sweep.json").string()),
                        std::move(rows), forecaster_);
  }

  // At one FLOP a second, so that the time is known.
  static std::string table(const SweepRecords& records, std::int64_t jobs = 1) {
    TimeEstimator times({1e6}, 1);
    return plan_table(records, times, jobs);
  }

  Forecaster forecaster_;
};

TEST_F(SweepTableTest, HasALineARunWithItsNumbers) {
  const SweepRecords records = open(R"("grid": {"num_experts": [2, 3]})");
  const std::string text = table(records);
  for (const SweepRow& row : records.rows()) {
    const std::size_t at = text.find("\n" + row.id);
    ASSERT_NE(at, std::string::npos) << text;
    const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
    EXPECT_TRUE(contains(line, std::to_string(row.forecast->parameters.total()))) << line;
    EXPECT_TRUE(contains(line, " MiB  ")) << line;
    EXPECT_TRUE(contains(line, "    3  ")) << line;
    EXPECT_TRUE(contains(line, " s")) << line;
  }
  EXPECT_TRUE(contains(text, "2 runs: 2 to run, 0 done, 0 failed; ")) << text;
  EXPECT_TRUE(contains(text, "times are FLOPs at the median rate of the rows that are done"));
}

TEST_F(SweepTableTest, SaysWhatIsLeftOutAndWhy) {
  const std::string text = table(open(R"("grid": {"num_experts": [2, 3]},
      "constraints": [{"if": {}, "then": {"num_experts": {"min": 3}}}])"));
  EXPECT_TRUE(contains(text,
                       "left out by constraints: 1\n  {\"num_experts\":2}: num_experts "
                       "is at least 3\n"))
      << text;
}

TEST_F(SweepTableTest, MarksGraphsThatDoNothing) {
  const std::string text = table(open(R"("grid": {"coupler_type": ["HGNN"], "num_experts": [4],
      "hgnn_learnable_edge_weights": [true, false]})"));
  EXPECT_TRUE(contains(text, "graph no_op: its mixing matrix is doubly stochastic")) << text;
  EXPECT_EQ(text.find("graph no_op"), text.rfind("graph no_op")) << "the learned one is none";
}

TEST_F(SweepTableTest, NamesProblemsAndEqualRuns) {
  const std::string text =
      table(open(R"("grid": {"num_heads": [2, 3]}, "points": [{"num_heads": 2}])"));
  EXPECT_TRUE(contains(text, "bad_options: embed_dim")) << text;
  EXPECT_TRUE(contains(text, "equal to an earlier run, which stands for both: 1")) << text;
  EXPECT_TRUE(contains(text, "2 runs: 1 to run, 0 done, 1 failed; ")) << text;
}

TEST_F(SweepTableTest, ARowOfEqualTimeTakesThatOfItsReference) {
  const SweepRecords records = open(R"("groups": [
      {"name": "plain", "base": {"coupler_type": "NONE", "num_experts": 1},
       "match_time": {"coupler_type": "GNN", "num_experts": 2}},
      {"name": "reference", "base": {"coupler_type": "GNN"}}])");
  const std::string text = table(records, 2);
  EXPECT_TRUE(contains(text, "match_time: as long as " + records.rows()[1].id)) << text;
  EXPECT_TRUE(contains(text, ", shared by 2 side by side")) << text;
}

TEST_F(SweepTableTest, TheTotalIsOfWhatIsToRun) {
  SweepRecords records = open(R"("groups": [
      {"name": "done", "base": {"num_experts": 7}},
      {"name": "failed", "base": {"num_experts": 6}},
      {"name": "plain", "base": {"coupler_type": "NONE", "num_experts": 1},
       "match_time": {"coupler_type": "GNN", "num_experts": 4}},
      {"name": "reference", "base": {"coupler_type": "GNN", "num_experts": 4}}])");
  RowOutcome done, failed;
  done.status = RowStatus::done;
  failed.status = RowStatus::failed;
  records.set_outcome(0, done);
  records.set_outcome(1, failed);
  TimeEstimator times({1e5}, 1);
  const double reference = records.rows()[3].forecast->length->flops / 1e5;
  const std::string text = plan_table(records, times, 1);
  EXPECT_TRUE(contains(text, "4 runs: 2 to run, 1 done, 1 failed; " +
                                 format_duration(2 * reference) + " of training\n"))
      << text;
  const std::size_t plain = text.find("\n" + records.rows()[2].id);
  EXPECT_TRUE(contains(text.substr(plain, text.find('\n', plain + 1) - plain),
                       "  " + format_duration(reference) + "  "))
      << text;
}

TEST_F(SweepTableTest, SaysWhoseTimeIsNotKnown) {
  const std::string path = write(R"({"base": {"vocab_size": 64}})");
  SweepPlan rows = make_sweep_plan(read_sweep_file(path),
                                   parse({"--sweep", path, "--data_dir", "nowhere"}), forecaster_);
  const SweepRecords records(folder() / "runs", read_sweep_file(path), std::move(rows),
                             forecaster_);
  EXPECT_TRUE(contains(table(records), "of training, without the 1 whose time is not known\n"));
}

TEST_F(SweepTableTest, FailuresAreListedWithTheirReasons) {
  SweepRecords records = open(R"("grid": {"num_experts": [2, 3, 4]})");
  RowOutcome done, diverged;
  done.status = RowStatus::done;
  diverged.status = RowStatus::failed;
  diverged.reason = "diverged";
  diverged.message = "step 2";
  records.set_outcome(0, done);
  records.set_outcome(1, diverged);
  EXPECT_EQ(table_of_failures(records), "\n  " + records.rows()[1].id +
                                            "  failed: diverged: step 2\n  " +
                                            records.rows()[2].id + "  pending");
}

TEST_F(SweepTableTest, TimesAreFlopsAtTheMedianRate) {
  const SweepPlan rows = plan("");
  TimeEstimator times({5e5, 9e9, 1e6}, 1);
  EXPECT_DOUBLE_EQ(times.seconds(rows.rows[0]).value(), rows.rows[0].forecast->length->flops / 1e6);
}

TEST_F(SweepTableTest, WithoutDoneRowsTheRateIsMeasured) {
  SweepPlan rows = plan("");
  TimeEstimator times({}, 1);
  const std::optional<double> seconds = times.seconds(rows.rows[0]);
  ASSERT_TRUE(seconds.has_value());
  EXPECT_GT(*seconds, 0.0);
  EXPECT_EQ(times.seconds(rows.rows[0]), seconds) << "measured once a width";
  EXPECT_TRUE(contains(times.source(), "0.6 of the rate"));
  rows.rows[0].forecast->length.reset();
  EXPECT_FALSE(times.seconds(rows.rows[0]).has_value());
}

}  // namespace
}  // namespace hgnn_moe
