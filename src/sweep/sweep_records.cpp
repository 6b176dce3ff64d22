#include "hgnn_moe/sweep/sweep_records.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "sweep_csv.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json_cause.h"
#include "hgnn_moe/base/version.h"

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;

constexpr char kRowFile[] = "row.json";
constexpr char kTableFile[] = "sweep.json";

Json head_of(const SweepFile& file, const SweepPlan& plan) {
  Json head = Json::object();
  head["name"] = plan.name;
  head["description"] = file.description;
  head["sweep_file"] = file.path;
  head["commit"] = project_commit();
  head["varied"] = plan.varied;
  head["questions"] = file.questions;
  head["expected"] = file.expected;
  head["left_out"] = Json::array();
  for (const LeftOutCombination& left_out : plan.left_out) {
    head["left_out"].push_back(
        {{"settings", left_out.settings}, {"constraint", left_out.constraint}});
  }
  return head;
}

Json parameters_json(const ParameterCounts& counts) {
  return {{"total", counts.total()},
          {"embeddings", counts.embeddings},
          {"experts", counts.experts},
          {"couplers", counts.couplers},
          {"head", counts.head}};
}

// Throws Error(data) that says the cure: what a row.json keeps is found again in the run's folder.
Json read_row_json(const fs::path& path) {
  try {
    return read_json_file(path, ExitCode::data);
  } catch (const Error& error) {
    fail(error.code(), "{}, or remove the file to have the row collected or run again",
         error.what());
  }
}

// Names of the sweep's folders by the hash that their row.json notes; more than one of a hash where
// somebody has copied a folder.
std::map<std::string, std::set<std::string>> folders_by_hash(const fs::path& folder) {
  std::map<std::string, std::set<std::string>> names;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing)) {
    if (!fs::exists(entry.path() / kRowFile)) continue;
    const Json row = read_row_json(entry.path() / kRowFile);
    if (row.contains("hash") && row.at("hash").is_string()) {
      names[row.at("hash").get<std::string>()].insert(entry.path().filename().string());
    }
  }
  return names;
}

// What a row.json says.
struct KeptRow {
  RowOutcome outcome;
  std::optional<TimeMatch> match;
};

KeptRow read_row_file(const fs::path& path) {
  const Json record = read_row_json(path);
  try {
    KeptRow kept{outcome_from_json(record), std::nullopt};
    const Json& match = record.at("match_time");
    if (!match.is_null()) {
      kept.match =
          TimeMatch{match.at("steps").get<std::int64_t>(), match.at("note").get<std::string>()};
    }
    return kept;
  } catch (const Json::exception& error) {
    fail(ExitCode::data,
         "'{}' is damaged ({}); remove it to have the row collected or run again, or restore it",
         path.string(), cause_of(error));
  }
}

// Without their content the row's hash is another one.
bool lacks_data(const SweepRow& row) {
  const bool may_start = row.problem.empty() || row.problem_code == ExitCode::data;
  const bool has_hash = row.forecast && !row.forecast->data_hash.empty();
  return may_start && !has_hash;
}

// Throws Error(data) where the table in `folder` has finished rows that are not in the plan for
// want of the data by whose content they are known: it would be written without them.
void keep_finished_rows(const Json& table, const fs::path& folder,
                        const std::set<std::string>& planned, const std::vector<SweepRow>& rows) {
  const auto blind = std::find_if(rows.begin(), rows.end(), lacks_data);
  if (blind == rows.end()) return;
  const auto is_lost = [&](const Json& row) {
    return row.at("status") == name_of(RowStatus::done) &&
           planned.count(row.at("hash").get<std::string>()) == 0;
  };
  const Json& old_rows = table.at("rows");
  const auto lost = std::count_if(old_rows.begin(), old_rows.end(), is_lost);
  if (lost == 0) return;
  fail(ExitCode::data,
       "the data of {} cannot be read, so {} finished rows of {} cannot be found again; bring the "
       "data back, give data_dir, or name another sweep by run_name",
       blind->id, lost, (folder / kTableFile).string());
}

// Throws Error(usage) where the table is that of another sweep file, still there, whose rows would
// be dropped.
void keep_another_sweeps_rows(const Json& table, const fs::path& folder,
                              const std::set<std::string>& planned, const std::string& sweep_file) {
  const auto other = table.at("sweep_file").get<std::string>();
  std::error_code missing;
  if (!fs::exists(other, missing) || fs::equivalent(other, sweep_file, missing)) return;
  const auto is_planned = [&](const Json& row) {
    return planned.count(row.at("hash").get<std::string>()) > 0;
  };
  const Json& old_rows = table.at("rows");
  if (std::all_of(old_rows.begin(), old_rows.end(), is_planned)) return;
  fail(ExitCode::usage,
       "{} is the sweep of {}, which is another file than {}; give this one a name of its own with "
       "--run_name, or another checkpoint_dir",
       folder.string(), other, sweep_file);
}

}  // namespace

SweepRecords::SweepRecords(fs::path folder, const SweepFile& file, SweepPlan plan,
                           Forecaster& forecaster)
    : folder_(std::move(folder)),
      head_(head_of(file, plan)),
      plan_(std::move(plan)),
      outcomes_(plan_.rows.size()),
      time_matches_(plan_.rows.size()) {
  keep_old_table(file.path);
  adopt_folders();
  for (std::size_t row = 0; row < rows().size(); ++row) read_row(row, forecaster);
}

void SweepRecords::adopt_folders() {
  const auto names = folders_by_hash(folder_);
  for (SweepRow& row : plan_.rows) {
    const auto found = names.find(row.hash);
    if (found != names.end() && found->second.count(row.id) == 0) row.id = *found->second.begin();
  }
}

// Throws where writing the table would drop rows that nobody meant to drop.
void SweepRecords::keep_old_table(const std::string& sweep_file) const {
  const fs::path path = folder_ / kTableFile;
  if (!fs::exists(path)) return;
  const Json table = read_json_file(path, ExitCode::data);
  std::set<std::string> planned;
  for (const SweepRow& row : rows()) planned.insert(row.hash);
  try {
    keep_finished_rows(table, folder_, planned, rows());
    keep_another_sweeps_rows(table, folder_, planned, sweep_file);
  } catch (const Json::exception& error) {
    fail(ExitCode::data,
         "'{}' is damaged ({}); remove it to have it written again from the rows' folders, or "
         "restore it",
         path.string(), cause_of(error));
  }
}

void SweepRecords::read_row(std::size_t row, Forecaster& forecaster) {
  const bool cannot_start = !rows()[row].problem.empty();
  if (cannot_start) {
    outcomes_[row] = outcome_of_problem(rows()[row].problem_code, rows()[row].problem);
  }
  if (!fs::exists(run_folder(row) / kRowFile)) return;
  KeptRow kept = read_row_file(run_folder(row) / kRowFile);
  // One that is done has no need of its data any more.
  const bool is_done = kept.outcome.status == RowStatus::done;
  if (cannot_start && !(is_done && rows()[row].problem_code == ExitCode::data)) return;
  outcomes_[row] = std::move(kept.outcome);
  time_matches_[row] = std::move(kept.match);
  if (time_matches_[row] && plan_.rows[row].forecast && plan_.rows[row].forecast->length) {
    set_steps(plan_.rows[row], time_matches_[row]->steps, forecaster);
  }
  Json& results = outcomes_[row].results;
  if (!results.empty() && !results.contains("data_mode")) {  // an earlier version's
    results["data_mode"] = data_mode_of(run_folder(row));
  }
  if (outcomes_[row].status == RowStatus::running) outcomes_[row].status = RowStatus::pending;
}

bool SweepRecords::has_length(std::size_t row) const {
  return !rows()[row].time_reference.has_value() || time_matches_[row].has_value();
}

void SweepRecords::set_outcome(std::size_t row, RowOutcome outcome) {
  outcomes_[row] = std::move(outcome);
  write_row(row);
  write_tables();
}

void SweepRecords::set_time_match(std::size_t row, const TimeMatch& match, Forecaster& forecaster) {
  time_matches_[row] = match;
  set_steps(plan_.rows[row], match.steps, forecaster);
  write_row(row);
  write_tables();
}

void SweepRecords::retry_failed() {
  for (std::size_t row = 0; row < rows().size(); ++row) {
    const bool can_start = rows()[row].problem.empty();
    if (can_start && outcomes_[row].status == RowStatus::failed) outcomes_[row] = RowOutcome{};
  }
}

void SweepRecords::write_all() const {
  for (std::size_t row = 0; row < rows().size(); ++row) {
    if (outcomes_[row].status == RowStatus::pending) write_row(row);
  }
  write_tables();
}

void SweepRecords::write_row(std::size_t row) const {
  hgnn_moe::create_directories(run_folder(row));
  Json record = {{"hash", rows()[row].hash}};
  record.update(hgnn_moe::to_json(outcomes_[row]));
  const std::optional<TimeMatch>& match = time_matches_[row];
  record["match_time"] =
      match ? Json({{"steps", match->steps}, {"note", match->note}}) : Json(nullptr);
  write_file_atomically(run_folder(row) / kRowFile, json_text(record, 2) + "\n");
}

void SweepRecords::write_tables() const {
  const Json sweep = to_json();
  write_file_atomically(folder_ / kTableFile, json_text(sweep, 2) + "\n");
  write_file_atomically(folder_ / "sweep.csv", csv_of(sweep));
}

Json SweepRecords::to_json() const {
  Json sweep = head_;
  sweep["rows"] = Json::array();
  for (std::size_t row = 0; row < rows().size(); ++row) sweep["rows"].push_back(row_json(row));
  return sweep;
}

Json SweepRecords::row_json(std::size_t index) const {
  const SweepRow& row = rows()[index];
  const Json outcome = hgnn_moe::to_json(outcomes_[index]);
  Json record = Json::object();
  record["id"] = row.id;
  record["group"] = row.group;
  record["name"] = row.name ? Json(*row.name) : Json(nullptr);
  record["hash"] = row.hash;
  record["settings"] = row.varied;
  record["seed"] = row.seed;
  for (const char* key : {"status", "reason", "message", "exit_code", "signal", "commit"}) {
    record[key] = outcome.at(key);
  }
  record["graph"] = row.forecast ? Json(name_of(row.forecast->graph.effect)) : Json(nullptr);
  record["graph_note"] = row.forecast && !row.forecast->graph.note.empty()
                             ? Json(row.forecast->graph.note)
                             : Json(nullptr);
  record["notes"] = row.notes;
  if (time_matches_[index]) record["notes"].push_back(time_matches_[index]->note);
  record["parameters"] = row.forecast ? parameters_json(row.forecast->parameters) : Json(nullptr);
  const bool has_length = row.forecast && row.forecast->length && this->has_length(index);
  const Json& results = outcome.at("results");
  const auto copy_result = [&](const char* key) {
    record[key] = results.contains(key) ? results.at(key) : Json(nullptr);
  };
  copy_result("data_mode");
  copy_result("steps");
  copy_result("tokens");
  record["needed_flops"] = has_length ? Json(row.forecast->length->flops) : Json(nullptr);
  copy_result("best_eval_loss");
  copy_result("final_eval_loss");
  record["measured"] = outcome.at("measured");
  return record;
}

std::size_t SweepRecords::count(RowStatus status) const {
  return static_cast<std::size_t>(
      std::count_if(outcomes_.begin(), outcomes_.end(),
                    [&](const RowOutcome& outcome) { return outcome.status == status; }));
}

}  // namespace hgnn_moe
