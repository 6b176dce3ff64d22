#include "hgnn_moe/train/resume_point.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/json.h"
#include "hgnn_moe/train/checkpoint_folder.h"
#include "hgnn_moe/train/run_records.h"

namespace hgnn_moe {

namespace fs = std::filesystem;

namespace {

constexpr char kAuto[] = "auto";

// RUN/checkpoints/step-00000020, without a trailing slash, also where `text` is a file that names
// it.
fs::path checkpoint_path(const std::string& text) {
  fs::path path = fs::path(text).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  path = follow_pointer(path);
  const bool is_checkpoint = checkpoint_step(path.filename().string()).has_value() &&
                             fs::absolute(path).parent_path().filename() == "checkpoints";
  if (!is_checkpoint || !fs::is_directory(path)) {
    fail(
        ExitCode::checkpoint,
        "resume_checkpoint is {}, which is no checkpoint; give RUN/checkpoints/latest, .../best or "
        ".../step-NNNNNNNN, or auto with run_name",
        text);
  }
  return fs::absolute(path);
}

}  // namespace

RunStart RunRequest::start() const {
  if (!resume_checkpoint.empty()) return RunStart::resume;
  return overwrite ? RunStart::overwrite : RunStart::fresh;
}

RunLocation locate_run(const RunRequest& request) {
  // Records hold absolute paths in JSON.
  const std::string working_folder = fs::current_path().string();
  if (valid_utf8(working_folder) != working_folder) {
    fail(ExitCode::usage, "the working folder {} is not UTF-8 and cannot be recorded; rename it",
         valid_utf8(working_folder));
  }
  if (request.resume_checkpoint.empty() || request.resume_checkpoint == kAuto) {
    return {request.checkpoint_dir, request.run_name};
  }
  const fs::path run = checkpoint_path(request.resume_checkpoint).parent_path().parent_path();
  if (!request.run_name.empty()) {
    std::error_code ignored;
    if (!fs::equivalent(fs::path(request.checkpoint_dir) / request.run_name, run, ignored)) {
      fail(ExitCode::usage,
           "resume_checkpoint {} is not of the run {} in {}; leave run_name out, or give a "
           "checkpoint of that run",
           request.resume_checkpoint, request.run_name, request.checkpoint_dir);
    }
  }
  return {run.parent_path(), run.filename().string()};
}

std::optional<VerifiedCheckpoint> find_resume_checkpoint(const std::string& resume_checkpoint,
                                                         const RunLocation& location,
                                                         spdlog::logger& log) {
  if (resume_checkpoint.empty()) return std::nullopt;
  if (resume_checkpoint != kAuto) {
    const fs::path folder = checkpoint_path(resume_checkpoint);
    return VerifiedCheckpoint{folder, verify_checkpoint(folder)};
  }
  const CheckpointSearch search = find_newest_valid(location.folder());
  for (const std::string& sentence : search.damaged) log.warn("{}", sentence);
  if (!search.checkpoint.has_value() && !search.damaged.empty()) {
    fail(ExitCode::checkpoint,
         "resume_checkpoint is auto, but none of the {} checkpoints of {} is intact; restore one "
         "or start again with overwrite",
         search.damaged.size(), location.folder().string());
  }
  if (!search.checkpoint.has_value()) log.info("no checkpoint to resume from: a fresh start");
  return search.checkpoint;
}

TrainingState begin_run(const Json& fingerprint,
                        const std::optional<VerifiedCheckpoint>& checkpoint,
                        const fs::path& run_folder, const CheckpointTensors& tensors,
                        MetricsWriter& metrics, spdlog::logger& log) {
  TrainingState state;
  state.fingerprint = fingerprint;
  if (!checkpoint.has_value()) {
    remove_checkpoints_after(run_folder, /*step=*/-1, /*best_step=*/-1);
    metrics.truncate_to(0);
    return state;
  }
  state = checkpoint->state;
  if (const std::string raised = check_resume(state.fingerprint, fingerprint); !raised.empty()) {
    log.info("{}", raised);
  }
  load_checkpoint(*checkpoint, tensors);
  metrics.check_length(state.metrics_length);  // while refusing still loses nothing
  remove_checkpoints_after(run_folder, state.step, state.best_step);
  metrics.truncate_to(state.metrics_length);
  state.fingerprint = fingerprint;
  log.info("resumed from {} at step {}", checkpoint->folder.filename().string(), state.step);
  return state;
}

}  // namespace hgnn_moe
