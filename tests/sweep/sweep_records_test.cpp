#include "hgnn_moe/sweep/sweep_records.h"

#include "src/sweep/sweep_csv.h"
#include "tests/sweep/sweep_support.h"

#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

class SweepRecordsTest : public SweepFileTest {
 protected:
  SweepRecords open(const std::string& parts) {
    SweepPlan rows = plan(parts);
    return SweepRecords(folder() / "runs", read_sweep_file((folder() / "sweep.json").string()),
                        std::move(rows), forecaster_);
  }

  Json table() const { return read_json_file(folder() / "runs/sweep.json", ExitCode::internal); }

  static RowOutcome done() {
    RowOutcome outcome;
    outcome.status = RowStatus::done;
    outcome.end = ChildEnd{};
    outcome.results = {{"data_mode", "synthetic"},
                       {"steps", 3},
                       {"tokens", 30},
                       {"best_eval_loss", 2.5},
                       {"final_eval_loss", 2.5}};
    outcome.measured = {{"seconds", 1.5}};
    return outcome;
  }

  Forecaster forecaster_;
};

constexpr const char* kTwo = R"("grid": {"num_experts": [2, 3]}, "description": "words")";

TEST_F(SweepRecordsTest, TheTableHasTheAgreedKeys) {
  SweepRecords records = open(kTwo);
  std::filesystem::create_directories(folder() / "runs");
  records.write_all();
  const Json found = table();
  std::vector<std::string> keys;
  for (const auto& item : found.items()) keys.push_back(item.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"name", "description", "sweep_file", "commit", "varied",
                                            "questions", "expected", "left_out", "rows"}));
  EXPECT_EQ(found.at("description"), "words");
  EXPECT_EQ(found.at("varied").dump(), R"(["num_experts"])");
  keys.clear();
  const Json& row = found.at("rows").at(1);
  for (const auto& item : row.items()) keys.push_back(item.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"id",
                                            "group",
                                            "name",
                                            "hash",
                                            "settings",
                                            "seed",
                                            "status",
                                            "reason",
                                            "message",
                                            "exit_code",
                                            "signal",
                                            "commit",
                                            "graph",
                                            "graph_note",
                                            "notes",
                                            "parameters",
                                            "data_mode",
                                            "steps",
                                            "tokens",
                                            "needed_flops",
                                            "best_eval_loss",
                                            "final_eval_loss",
                                            "measured"}));
  EXPECT_TRUE(row.at("data_mode").is_null());
  EXPECT_EQ(row.at("settings").dump(), R"({"num_experts":3})");
  EXPECT_EQ(row.at("status"), "pending");
  EXPECT_EQ(row.at("graph"), "active");
  EXPECT_GT(row.at("needed_flops"), 0);
  EXPECT_EQ(row.at("parameters").at("total"), records.rows()[1].forecast->parameters.total());
  EXPECT_TRUE(row.at("best_eval_loss").is_null());
}

TEST_F(SweepRecordsTest, TheTableSaysWhatIsLeftOutAndWhatGraphsDo) {
  const Json found = open(R"("grid": {"num_experts": [3, 4], "coupler_type": ["HGNN"],
                                       "hgnn_learnable_edge_weights": [false]},
      "points": [{"coupler_type": "NONE"}],
      "constraints": [{"if": {}, "then": {"num_experts": [2, 4]}}])")
                         .to_json();
  EXPECT_EQ(found.at("left_out").dump(),
            R"([{"settings":{"coupler_type":"HGNN","hgnn_learnable_edge_weights":false,)"
            R"("num_experts":3},"constraint":"num_experts is 2 or 4"}])");
  ASSERT_EQ(found.at("rows").size(), 2u);
  EXPECT_EQ(found.at("rows")[0].at("graph"), "no_op");
  EXPECT_TRUE(
      contains(found.at("rows")[0].at("graph_note").get<std::string>(), "doubly stochastic"));
  EXPECT_EQ(found.at("rows")[1].at("graph"), "none");
}

// Who reads them meanwhile, or after a kill, finds a whole one.
TEST_F(SweepRecordsTest, TablesAreReplacedAndNotWrittenOver) {
  SweepRecords records = open(kTwo);
  std::filesystem::create_directories(folder() / "runs");
  records.write_all();
  for (const std::string name : {"sweep.json", "sweep.csv"}) {
    std::filesystem::create_hard_link(folder() / "runs" / name, folder() / ("earlier " + name));
  }
  std::filesystem::create_hard_link(records.run_folder(1) / "row.json", folder() / "earlier row");
  const Json before = table();
  records.set_outcome(1, done());
  EXPECT_NE(table(), before);
  EXPECT_EQ(read_json_file(folder() / "earlier sweep.json", ExitCode::internal), before);
  EXPECT_NE(read_text_file(folder() / "earlier sweep.csv", ExitCode::internal),
            read_text_file(folder() / "runs/sweep.csv", ExitCode::internal));
  EXPECT_EQ(read_json_file(folder() / "earlier row", ExitCode::internal).at("status"), "pending");
}

TEST_F(SweepRecordsTest, AnOutcomeIsReadAgain) {
  {
    SweepRecords records = open(kTwo);
    records.set_outcome(1, done());
    EXPECT_EQ(table().at("rows").at(1).at("best_eval_loss"), 2.5);
    EXPECT_EQ(table().at("rows").at(1).at("measured").at("seconds"), 1.5);
  }
  const SweepRecords again = open(kTwo);
  EXPECT_EQ(again.outcome(0).status, RowStatus::pending);
  EXPECT_EQ(again.outcome(1).status, RowStatus::done);
  EXPECT_EQ(again.count(RowStatus::done), 1u);
  EXPECT_EQ(again.to_json(), table());
}

TEST_F(SweepRecordsTest, ARowThatWasRunningIsPendingAgain) {
  RowOutcome running;
  running.status = RowStatus::running;
  open(kTwo).set_outcome(0, running);
  EXPECT_EQ(table().at("rows").at(0).at("status"), "running");
  EXPECT_EQ(open(kTwo).outcome(0).status, RowStatus::pending);
}

TEST_F(SweepRecordsTest, ARowIsFoundAgainWhateverIsVaried) {
  SweepRecords records = open(kTwo);
  records.set_outcome(1, done());
  const std::string id = records.rows()[1].id;
  const SweepRecords wider = open(R"("grid": {"num_experts": [2, 3], "num_layers": [1, 2]})");
  ASSERT_EQ(wider.rows().size(), 4u);
  EXPECT_EQ(wider.count(RowStatus::done), 1u);
  EXPECT_EQ(wider.rows()[2].id, id) << "its folder stays where it is";
}

TEST_F(SweepRecordsTest, AChangedBaseRunsAnew) {
  open(kTwo).set_outcome(1, done());
  EXPECT_EQ(open(R"("grid": {"num_experts": [2, 3], "batch_size": [4]})").count(RowStatus::done),
            0u);
}

TEST_F(SweepRecordsTest, ARowWithAProblemHasFailedWithoutAFolder) {
  SweepRecords records = open(R"("grid": {"num_heads": [2, 3]})");
  std::filesystem::create_directories(folder() / "runs");
  records.write_all();
  const Json row = table().at("rows").at(1);
  EXPECT_EQ(row.at("status"), "failed");
  EXPECT_EQ(row.at("reason"), "bad_options");
  EXPECT_EQ(row.at("exit_code"), 2);
  EXPECT_TRUE(contains(row.at("message").get<std::string>(), "do not divide"));
  EXPECT_FALSE(std::filesystem::exists(records.run_folder(1)));
}

TEST_F(SweepRecordsTest, FailedRowsArePendingAgainWhereThatIsAskedFor) {
  const std::string parts = R"("grid": {"num_heads": [2, 4, 3]})";
  RowOutcome failed;
  failed.status = RowStatus::failed;
  failed.reason = "diverged";
  SweepRecords records = open(parts);
  records.set_outcome(0, failed);
  records.set_outcome(1, done());
  records.retry_failed();
  EXPECT_EQ(records.outcome(0).status, RowStatus::pending);
  EXPECT_EQ(records.outcome(0).reason, "");
  EXPECT_EQ(records.outcome(1).status, RowStatus::done);
  EXPECT_EQ(records.outcome(2).status, RowStatus::failed) << "it cannot start";
  EXPECT_EQ(open(parts).outcome(0).status, RowStatus::failed) << "as long as it is not written";
  records.write_all();
  EXPECT_EQ(table().at("rows").at(0).at("status"), "pending");
  EXPECT_EQ(open(parts).outcome(0).status, RowStatus::pending);
}

TEST_F(SweepRecordsTest, AChosenLengthIsKept) {
  const std::string parts = R"("groups": [
      {"name": "plain", "base": {"coupler_type": "NONE", "num_experts": 1},
       "match_time": {"coupler_type": "GNN", "num_experts": 2}},
      {"name": "reference", "base": {"coupler_type": "GNN"}}])";
  {
    SweepRecords records = open(parts);
    EXPECT_FALSE(records.has_length(0));
    EXPECT_TRUE(records.has_length(1));
    EXPECT_TRUE(records.to_json().at("rows").at(0).at("needed_flops").is_null());
    records.set_time_match(0, {17, "why 17"}, forecaster_);
    EXPECT_TRUE(records.has_length(0));
  }
  const SweepRecords again = open(parts);
  EXPECT_TRUE(again.has_length(0));
  EXPECT_EQ(again.rows()[0].config.max_steps, 17);
  const Json row = again.to_json().at("rows").at(0);
  EXPECT_EQ(row.at("notes").dump(), R"(["why 17"])");
  EXPECT_GT(row.at("needed_flops"), 0);
}

TEST_F(SweepRecordsTest, ACopyOfAFolderIsNotTakenForTheRow) {
  SweepRecords records = open(kTwo);
  records.set_outcome(1, done());
  const std::string id = records.rows()[1].id;
  for (const char* copy : {"0", "backup", "zz"}) {
    std::filesystem::copy(records.run_folder(1), folder() / "runs" / copy);
  }
  EXPECT_EQ(open(kTwo).rows()[1].id, id);
}

TEST_F(SweepRecordsTest, ADamagedRowIsNamed) {
  open(kTwo).set_outcome(1, done());
  const std::filesystem::path file = open(kTwo).run_folder(1) / "row.json";
  const Json whole = read_json_file(file, ExitCode::internal);
  for (const char* key : {"status", "exit_code", "results", "match_time"}) {
    Json record = whole;
    record.erase(key);
    put_file(file, record.dump());
    const std::string message = message_of_error(ExitCode::data, [&] { open(kTwo); });
    EXPECT_TRUE(contains(message, "'" + file.string() + "' is damaged (")) << message;
    EXPECT_TRUE(contains(message, key)) << message;
    EXPECT_FALSE(contains(message, "json.exception")) << message;
  }
  put_file(file, "{}");
  EXPECT_EQ(message_of_error(ExitCode::data, [&] { open(kTwo); }),
            "'" + file.string() +
                "' is damaged (key 'status' not found); remove it to have the row collected or run "
                "again, or restore it");
  put_file(file, "{");
  EXPECT_TRUE(contains(message_of_error(ExitCode::data, [&] { open(kTwo); }),
                       "or remove the file to have the row collected or run again"));
  std::filesystem::remove(file);
  EXPECT_EQ(open(kTwo).outcome(1).status, RowStatus::pending) << "that is the cure";
}

// Of rows that an earlier version of the program finished.
TEST_F(SweepRecordsTest, TheDataModeIsFoundInTheSummaryWhereTheRowDoesNotHaveIt) {
  RowOutcome outcome = done();
  outcome.results.erase("data_mode");
  open(kTwo).set_outcome(1, outcome);
  EXPECT_TRUE(open(kTwo).to_json().at("rows").at(1).at("data_mode").is_null()) << "no summary";
  put_file(open(kTwo).run_folder(1) / "run_summary.json", R"({"data_mode": "real"})");
  EXPECT_EQ(open(kTwo).to_json().at("rows").at(1).at("data_mode"), "real");
}

// As a scheduler elsewhere may have left it.
TEST_F(SweepRecordsTest, ARowThatIsDoneNeedsNoDataAnyMore) {
  const std::string path =
      write(R"({"base": {"vocab_size": 64}, "grid": {"num_experts": [2, 3]}})");
  const auto open_without_data = [&] {
    SweepPlan rows = make_sweep_plan(
        read_sweep_file(path), parse({"--sweep", path, "--data_dir", "nowhere"}), forecaster_);
    return SweepRecords(folder() / "runs", read_sweep_file(path), std::move(rows), forecaster_);
  };
  {
    SweepRecords records = open_without_data();
    EXPECT_EQ(records.outcome(1).reason, "data");
    records.set_outcome(0, records.outcome(0));
    records.set_outcome(1, done());
  }
  const SweepRecords again = open_without_data();
  EXPECT_EQ(again.outcome(0).status, RowStatus::failed);
  EXPECT_EQ(again.outcome(1).status, RowStatus::done);
}

TEST_F(SweepRecordsTest, AnotherFilesRowsAreNotDropped) {
  open(kTwo).set_outcome(1, done());
  const std::string other = (folder() / "other.json").string();
  const auto open_other = [&](const std::string& parts) {
    SweepPlan rows = plan(parts);
    std::filesystem::rename(folder() / "sweep.json", other);
    const SweepFile file = read_sweep_file(other);
    open(kTwo);  // writes the first file again
    return SweepRecords(folder() / "runs", file, std::move(rows), forecaster_);
  };
  const std::string changed = R"("grid": {"num_experts": [2, 4]})";
  const std::string message = message_of_error(ExitCode::usage, [&] { open_other(changed); });
  EXPECT_TRUE(contains(message, "which is another file than " + other)) << message;
  EXPECT_TRUE(contains(message, "--run_name")) << message;
  EXPECT_NO_THROW(open_other(R"("grid": {"num_experts": [2, 3, 4]})")) << "no row is dropped";
  EXPECT_NO_THROW(open(changed)) << "the file itself may change";
  SweepPlan rows = plan(changed);
  std::filesystem::rename(folder() / "sweep.json", other);
  EXPECT_NO_THROW(
      SweepRecords(folder() / "runs", read_sweep_file(other), std::move(rows), forecaster_))
      << "and be moved";
}

TEST_F(SweepRecordsTest, NothingIsWrittenByReading) {
  open(kTwo);
  EXPECT_FALSE(std::filesystem::exists(folder() / "runs"));
}

TEST_F(SweepRecordsTest, TheCsvHasAColumnAVariedOption) {
  SweepRecords records = open(kTwo);
  records.set_outcome(1, done());
  const std::string csv = read_text_file(folder() / "runs/sweep.csv", ExitCode::internal);
  const std::string header = csv.substr(0, csv.find('\n'));
  EXPECT_EQ(header,
            "id,group,name,num_experts,seed,status,reason,data_mode,graph,parameters,steps,tokens,"
            "needed_flops,best_eval_loss,final_eval_loss,seconds,train_seconds,tokens_per_s,"
            "peak_memory_bytes");
  EXPECT_TRUE(contains(csv, ",,,3,42,done,,synthetic,active,")) << csv;
  EXPECT_TRUE(contains(csv, ",3,30,")) << csv;
  EXPECT_TRUE(contains(csv, ",2.5,2.5,1.5,,,\n")) << csv;
}

TEST(SweepCsv, QuotesWhatWouldBreakALine) {
  const Json sweep = parse_json(R"({"varied": [], "rows": [
      {"id": "a", "group": "with, comma", "name": "and \"quotes\"", "parameters": null},
      {"id": "b", "group": "two\nlines", "name": null}]})",
                                "test", ExitCode::internal);
  EXPECT_TRUE(contains(csv_of(sweep), "\na,\"with, comma\",\"and \"\"quotes\"\"\","));
  EXPECT_TRUE(contains(csv_of(sweep), "\nb,\"two\nlines\",,"));
}

}  // namespace
}  // namespace hgnn_moe
