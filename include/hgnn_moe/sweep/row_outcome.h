// How a row of a sweep stands, and why.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/base/child_process.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

inline constexpr char kSummaryFile[] = "run_summary.json";  // of a run that has ended by itself

enum class RowStatus { pending, running, done, failed, stopped };

const char* name_of(RowStatus status);

struct RowOutcome {
  RowStatus status = RowStatus::pending;
  std::string reason;   // of a failed row: diverged, out_of_memory, bad_options, ...
  std::string message;  // its error
  std::string commit;   // of the program that ran it; "" where no run has begun
  std::optional<ChildEnd> end;
  // data_mode, steps, tokens, best_eval_loss, final_eval_loss: they repeat.
  Json results = Json::object();
  Json measured = Json::object();  // seconds, train_seconds, tokens_per_s, ...: they do not
};

// What became of a run whose process ended so, in this folder; `said` is what it wrote, and
// `memory_ran_out` tells that the kernel killed a process for lack of memory meanwhile.
RowOutcome outcome_of(const ChildEnd& end, const std::string& said,
                      const std::filesystem::path& run_folder, bool memory_ran_out = false);

// Of a run that cannot start: it would end with `code` and say `problem`.
RowOutcome outcome_of_problem(ExitCode code, const std::string& problem);

// What the files of a run that has ended say: an outcome that is done where run_summary.json says
// so, else nothing.
std::optional<RowOutcome> outcome_of_finished_run(const std::filesystem::path& run_folder);

// "real" or "synthetic" as run_summary.json says it; null before there is one.
Json data_mode_of(const std::filesystem::path& run_folder);

// "done, best evaluation loss 4.1234, 12 s of training" or "failed: diverged: step 2: ...".
std::string describe(const RowOutcome& outcome);

Json to_json(const RowOutcome& outcome);
RowOutcome outcome_from_json(const Json& record);

// Milliseconds of the steps in a run's metrics.jsonl, data, forward, backward and optimizer
// together; empty where there is no such file.
std::vector<double> step_milliseconds(const std::filesystem::path& run_folder);

}  // namespace hgnn_moe
