#include "hgnn_moe/sweep/sweep_table.h"

#include <limits>

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
  const SweepRecords records = open(R"("grid": {"embed_dim": [16, 32]})");
  SweepPlan rows = records.plan();
  rows.rows[1].forecast->length.reset();
  const SweepRecords without(folder() / "runs", read_sweep_file((folder() / "sweep.json").string()),
                             std::move(rows), forecaster_);
  EXPECT_TRUE(contains(table(without), "of training, without the 1 whose time is not known\n"));
}

TEST_F(SweepTableTest, RowsWithoutDataHaveTheirSizesAndAShortNote) {
  const std::string path =
      write(R"({"base": {"vocab_size": 64}, "grid": {"num_experts": [2, 3]}})");
  SweepPlan rows = make_sweep_plan(read_sweep_file(path),
                                   parse({"--sweep", path, "--data_dir", "nowhere"}), forecaster_);
  const SweepRecords records(folder() / "runs", read_sweep_file(path), std::move(rows),
                             forecaster_);
  const std::string text = table(records);
  EXPECT_TRUE(
      contains(text, std::to_string(records.rows()[0].forecast->parameters.total()) + "  "));
  EXPECT_TRUE(contains(text, "  data: missing or unreadable\n")) << text;
  EXPECT_FALSE(contains(text, "no training data")) << "said once, elsewhere";
  EXPECT_TRUE(contains(text, "2 runs: 0 to run, 0 done, 2 failed; ")) << text;
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

TEST_F(SweepTableTest, AMessageStandsOnceHoweverManyRowsHaveIt) {
  SweepRecords records = open(R"("grid": {"num_experts": [2, 3, 4, 5]})");
  RowOutcome missing, diverged;
  missing.status = diverged.status = RowStatus::failed;
  missing.reason = "data";
  missing.message = "a long sentence";
  diverged.reason = "diverged";
  for (const std::size_t row : {0u, 1u}) records.set_outcome(row, missing);
  records.set_outcome(2, diverged);
  const std::string first = records.rows()[0].id;
  EXPECT_EQ(table_of_failures(records),
            "\n  " + first + "  failed: data: a long sentence\n  " + records.rows()[1].id +
                "  failed: data: as " + first + "\n  " + records.rows()[2].id +
                "  failed: diverged\n  " + records.rows()[3].id + "  pending");
}

TEST(RoughDuration, HasOneDigitAndItsLargestUnit) {
  EXPECT_EQ(rough_duration(0.4), "below 1 s");
  EXPECT_EQ(rough_duration(4.4), "~4 s");
  EXPECT_EQ(rough_duration(47), "~50 s");
  EXPECT_EQ(rough_duration(185), "~3 min");
  EXPECT_EQ(rough_duration(47 * 60), "~50 min");
  EXPECT_EQ(rough_duration(14.4 * 3600), "~10 h");
  EXPECT_EQ(rough_duration(123 * 86400.0), "~100 d");
  EXPECT_EQ(rough_duration(std::numeric_limits<double>::infinity()), "?");
}

// Other work on the machine comes and goes.
TEST(BestRate, IsThatOfTheFastestSample) {
  int calls = 0;
  double now = 0.0;
  const auto slow_but_for_a_while = [&] {
    ++calls;
    const double seconds = now < 0.5 || now > 0.8 ? 0.1 : 0.01;
    now += seconds;
    return seconds;
  };
  EXPECT_NEAR(best_rate(slow_but_for_a_while, 1.0), 100.0, 1e-6);
  EXPECT_GT(calls, 10);
  EXPECT_NEAR(best_rate([] { return 5.0; }, 1.0), 0.2, 1e-12) << "one that takes longer than all";
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
  EXPECT_TRUE(contains(times.source(), "has reached just now, with what the machine had free"));
  EXPECT_EQ(times.text_of(185), "~3 min") << "no more exact than that";
  EXPECT_EQ(TimeEstimator({1e6}, 1).text_of(185), "3 min 05 s");
  rows.rows[0].forecast->length.reset();
  EXPECT_FALSE(times.seconds(rows.rows[0]).has_value());
}

}  // namespace
}  // namespace hgnn_moe
