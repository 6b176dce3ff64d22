#include "hgnn_moe/sweep/row_outcome.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "hgnn_moe/base/child_outcome.h"
#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/text.h"

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;

constexpr std::array<RowStatus, 5> kStatuses = {
    RowStatus::pending, RowStatus::running, RowStatus::done, RowStatus::failed, RowStatus::stopped};
constexpr char kConfigFile[] = "config.json";  // of a run
constexpr char kProgram[] = "hgnn_moe_train";

RowStatus row_status(ChildStatus status) {
  if (status == ChildStatus::failed) return RowStatus::failed;
  return status == ChildStatus::done ? RowStatus::done : RowStatus::stopped;
}

Json value_or_null(const Json& object, const char* key) {
  return object.contains(key) ? object.at(key) : Json(nullptr);
}

// Of the program that the run's files are of: a scheduler may have had another than this one.
std::string commit_of(const fs::path& run_folder) {
  if (!fs::exists(run_folder / kConfigFile)) return "";
  const Json config = read_json_file(run_folder / kConfigFile, ExitCode::data);
  const Json commit = value_or_null(config, "commit");
  return commit.is_string() ? commit.get<std::string>() : "";
}

// Empty of a run that never came to its summary.
Json summary_of(const fs::path& run_folder) {
  if (!fs::exists(run_folder / kSummaryFile)) return Json::object();
  return read_json_file(run_folder / kSummaryFile, ExitCode::data);
}

// Results and measurements that a run's files hold.
void read_results(const fs::path& run_folder, RowOutcome& outcome) {
  const Json summary = summary_of(run_folder);
  for (const char* key : {"data_mode", "steps", "tokens", "best_eval_loss", "final_eval_loss"}) {
    outcome.results[key] = value_or_null(summary, key);
  }
  outcome.measured["seconds"] = value_or_null(summary, "seconds");
  const std::vector<double> steps = step_milliseconds(run_folder);
  outcome.measured["train_seconds"] =
      steps.empty() ? Json(nullptr) : Json(1e-3 * std::accumulate(steps.begin(), steps.end(), 0.0));
  for (const char* key : {"tokens_per_s", "peak_memory_bytes", "needed_flops_per_s"}) {
    outcome.measured[key] = value_or_null(summary, key);
  }
}

}  // namespace

const char* name_of(RowStatus status) {
  switch (status) {
    case RowStatus::pending:
      return "pending";
    case RowStatus::running:
      return "running";
    case RowStatus::done:
      return "done";
    case RowStatus::failed:
      return "failed";
    case RowStatus::stopped:
      return "stopped";
  }
  return "pending";
}

RowOutcome outcome_of(const ChildEnd& end, const std::string& said, const fs::path& run_folder,
                      bool memory_ran_out) {
  RowOutcome outcome;
  outcome.end = end;
  outcome.commit = commit_of(run_folder);
  read_results(run_folder, outcome);
  ChildOutcome child = outcome_of_child(end, kProgram, said, memory_ran_out);
  outcome.status = row_status(child.status);
  outcome.reason = std::move(child.reason);
  outcome.message = std::move(child.message);
  return outcome;
}

RowOutcome outcome_of_problem(ExitCode code, const std::string& problem) {
  RowOutcome outcome;
  outcome.status = RowStatus::failed;
  outcome.end = ChildEnd{static_cast<int>(code)};
  outcome.reason = reason_of_exit(outcome.end->exit_code);
  outcome.message = valid_utf8(problem);
  return outcome;
}

std::optional<RowOutcome> outcome_of_finished_run(const fs::path& run_folder) {
  if (!fs::exists(run_folder / kSummaryFile)) return std::nullopt;
  const Json summary = read_json_file(run_folder / kSummaryFile, ExitCode::data);
  if (value_or_null(summary, "status") != "done") return std::nullopt;
  return outcome_of(ChildEnd{}, "", run_folder);
}

Json data_mode_of(const fs::path& run_folder) {
  return value_or_null(summary_of(run_folder), "data_mode");
}

std::string describe(const RowOutcome& outcome) {
  std::string text = name_of(outcome.status);
  if (outcome.status == RowStatus::done) {
    const Json loss = value_or_null(outcome.results, "best_eval_loss");
    if (loss.is_number()) text += fmt::format(", best evaluation loss {:.4f}", loss.get<double>());
    const Json seconds = value_or_null(outcome.measured, "seconds");
    if (seconds.is_number()) {
      text += fmt::format(", {} of training", format_duration(seconds.get<double>()));
    }
    return text;
  }
  if (!outcome.reason.empty()) text += ": " + outcome.reason;
  if (!outcome.message.empty()) text += ": " + outcome.message;
  return text;
}

Json to_json(const RowOutcome& outcome) {
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
  };
  Json record = Json::object();
  record["status"] = name_of(outcome.status);
  record["reason"] = text_or_null(outcome.reason);
  record["message"] = text_or_null(outcome.message);
  const bool returned = outcome.end && outcome.end->signal == 0;
  const bool was_killed = outcome.end && outcome.end->signal != 0;
  record["exit_code"] = returned ? Json(outcome.end->exit_code) : Json(nullptr);
  record["signal"] = was_killed ? Json(outcome.end->signal) : Json(nullptr);
  record["commit"] = text_or_null(outcome.commit);
  record["results"] = outcome.results;
  record["measured"] = outcome.measured;
  return record;
}

RowOutcome outcome_from_json(const Json& record) {
  RowOutcome outcome;
  for (const RowStatus status : kStatuses) {
    if (record.at("status") == name_of(status)) outcome.status = status;
  }
  const auto text = [&](const char* key) {
    return record.at(key).is_null() ? std::string() : record.at(key).get<std::string>();
  };
  outcome.reason = text("reason");
  outcome.message = text("message");
  outcome.commit = text("commit");
  if (!record.at("exit_code").is_null()) outcome.end = ChildEnd{record.at("exit_code").get<int>()};
  if (!record.at("signal").is_null()) outcome.end = ChildEnd{0, record.at("signal").get<int>()};
  outcome.results = record.at("results");
  outcome.measured = record.at("measured");
  return outcome;
}

std::vector<double> step_milliseconds(const fs::path& run_folder) {
  std::vector<double> steps;
  std::ifstream lines(run_folder / "metrics.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const Json event = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    // A killed run may leave a part of a line.
    if (!event.is_object() || value_or_null(event, "event") != "step") continue;
    double sum = 0.0;
    for (const char* part : {"data_ms", "forward_ms", "backward_ms", "optimizer_ms"}) {
      sum += event.at(part).get<double>();
    }
    steps.push_back(sum);
  }
  return steps;
}

}  // namespace hgnn_moe
