#include "hgnn_moe/sweep/sweep_records.h"

#include <algorithm>
#include <map>
#include <utility>

#include "sweep_csv.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/version.h"

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;

constexpr char kRowFile[] = "row.json";

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

// Folders of the sweep by the hash that their row.json notes.
std::map<std::string, std::string> folders_by_hash(const fs::path& folder) {
  std::map<std::string, std::string> names;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing)) {
    if (!fs::exists(entry.path() / kRowFile)) continue;
    const Json row = read_json_file(entry.path() / kRowFile, ExitCode::data);
    if (row.contains("hash") && row.at("hash").is_string()) {
      names.emplace(row.at("hash").get<std::string>(), entry.path().filename().string());
    }
  }
  return names;
}

RowOutcome outcome_of_problem(const SweepRow& row) {
  RowOutcome outcome;
  outcome.status = RowStatus::failed;
  outcome.reason = "bad_options";
  outcome.message = row.problem;
  outcome.end = ChildEnd{static_cast<int>(ExitCode::usage)};
  return outcome;
}

}  // namespace

SweepRecords::SweepRecords(fs::path folder, const SweepFile& file, SweepPlan plan,
                           Forecaster& forecaster)
    : folder_(std::move(folder)),
      head_(head_of(file, plan)),
      plan_(std::move(plan)),
      outcomes_(plan_.rows.size()),
      time_matches_(plan_.rows.size()) {
  adopt_folders();
  for (std::size_t row = 0; row < rows().size(); ++row) read_row(row, forecaster);
}

void SweepRecords::adopt_folders() {
  const std::map<std::string, std::string> names = folders_by_hash(folder_);
  for (SweepRow& row : plan_.rows) {
    const auto found = names.find(row.hash);
    if (found != names.end()) row.id = found->second;
  }
}

void SweepRecords::read_row(std::size_t row, Forecaster& forecaster) {
  if (!rows()[row].problem.empty()) {
    outcomes_[row] = outcome_of_problem(rows()[row]);
    return;
  }
  if (!fs::exists(run_folder(row) / kRowFile)) return;
  const Json record = read_json_file(run_folder(row) / kRowFile, ExitCode::data);
  outcomes_[row] = outcome_from_json(record);
  if (!record.at("match_time").is_null()) {
    const Json& match = record.at("match_time");
    time_matches_[row] =
        TimeMatch{match.at("steps").get<std::int64_t>(), match.at("note").get<std::string>()};
    set_steps(plan_.rows[row], time_matches_[row]->steps, forecaster);
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
  write_file_atomically(run_folder(row) / kRowFile, record.dump(2) + "\n");
}

void SweepRecords::write_tables() const {
  const Json sweep = to_json();
  write_file_atomically(folder_ / "sweep.json", sweep.dump(2) + "\n");
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
  for (const char* key : {"status", "reason", "message", "exit_code", "signal"}) {
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
