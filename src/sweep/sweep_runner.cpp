#include "hgnn_moe/sweep/sweep_runner.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "row_options.h"

#include "hgnn_moe/base/available_memory.h"
#include "hgnn_moe/base/child_outcome.h"
#include "hgnn_moe/base/cores.h"
#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/sweep/match_time.h"
#include "hgnn_moe/train/device.h"

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollInterval{10};
// A child whose parent was killed dies with it, but writes its last block first.
constexpr std::chrono::seconds kPatience{20};

constexpr char kOutputFile[] = "output.log";

}  // namespace

SweepRunner::SweepRunner(SweepRecords& records, Forecaster& forecaster, const MachineShare& share,
                         spdlog::logger& log)
    : records_(records),
      forecaster_(forecaster),
      share_(share),
      log_(log),
      slots_(static_cast<std::size_t>(share.jobs)),
      locked_since_(records.rows().size()) {
  for (std::size_t row = 0; row < records.rows().size(); ++row) {
    const RowStatus status = records.outcome(row).status;
    waiting_.push_back(status != RowStatus::done && status != RowStatus::failed);
    if (!waiting_.back()) ++finished_;
  }
}

bool SweepRunner::run(const StopSignal& stop) {
  bool passed_on = false;
  for (;;) {
    if (stop.received() == 0) {
      if (!row_without_disk_) start_rows();
    } else if (!passed_on) {
      passed_on = true;
      for (auto& job : slots_) {
        if (job) job->child.send(stop.received());
      }
    }
    const bool is_running = reap();
    if (!is_running && stop.received() != 0) return false;
    if (!is_running && row_without_disk_) fail_for_want_of_disk();
    if (!is_running && std::find(waiting_.begin(), waiting_.end(), true) == waiting_.end()) {
      return true;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

// The rows after it would fail in the same way, one after the other.
void SweepRunner::fail_for_want_of_disk() const {
  const auto left = std::count(waiting_.begin(), waiting_.end(), true);
  fail(ExitCode::disk,
       "the sweep stops with {} rows to run, because {} could not write its files: {}; free some "
       "space and go on with --sweep_retry_failed",
       left, records_.rows()[*row_without_disk_].id, records_.outcome(*row_without_disk_).message);
}

// Takes the runs that have ended out of their slots. Returns whether there were any runs.
bool SweepRunner::reap() {
  bool any = false;
  for (auto& slot : slots_) {
    if (!slot) continue;
    any = true;
    const auto end = slot->child.poll();
    if (!end) continue;
    const Job job = std::move(*slot);
    slot.reset();
    finish(job, *end);
  }
  return any;
}

void SweepRunner::start_rows() {
  for (std::size_t row = 0; row < waiting_.size(); ++row) {
    const auto slot = std::find(slots_.begin(), slots_.end(), std::nullopt);
    if (slot == slots_.end()) return;
    if (!waiting_[row] || is_running(row) || waits_for_reference(row) || is_locked(row)) continue;
    // One that a scheduler has run has left its summary and nobody to note it.
    if (const auto outcome = outcome_of_finished_run(records_.run_folder(row))) {
      end_row(row, *outcome);
    } else {
      start(static_cast<std::size_t>(slot - slots_.begin()), row);
    }
  }
}

bool SweepRunner::is_running(std::size_t row) const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [&](const auto& job) { return job && job->row == row; });
}

// Whether the row cannot start yet, or, its reference being no use to it, at all.
bool SweepRunner::waits_for_reference(std::size_t row) {
  const auto reference = records_.rows()[row].time_reference;
  if (!reference || records_.has_length(row)) return false;
  const RowOutcome& outcome = records_.outcome(*reference);
  if (outcome.status == RowStatus::done) return false;
  if (waiting_[*reference]) return true;
  waiting_[row] = false;  // a reference that was stopped is taken up by the next start
  if (outcome.status == RowStatus::failed) {
    RowOutcome failed;
    failed.status = RowStatus::failed;
    failed.reason = outcome.reason;
    failed.message =
        fmt::format("match_time: its reference {} failed", records_.rows()[*reference].id);
    end_row(row, failed);
  }
  return true;
}

// Whether another process has the run's folder: a dying one for moments, a scheduler's for longer.
bool SweepRunner::is_locked(std::size_t row) {
  const fs::path folder = records_.run_folder(row);
  hgnn_moe::create_directories(folder);
  if (!FolderLock::is_held(folder)) return false;
  if (!locked_since_[row]) locked_since_[row] = Clock::now();
  if (Clock::now() - *locked_since_[row] < kPatience) return true;
  RowOutcome outcome;
  outcome.status = RowStatus::running;
  outcome.message = "the run's folder is in use by another process; wait for it to end";
  end_row(row, outcome);
  return true;
}

void SweepRunner::start(std::size_t slot, std::size_t row) {
  const fs::path folder = records_.run_folder(row);
  write_row_options(records_.rows()[row], folder);
  const Stage stage = records_.has_length(row) ? Stage::training : Stage::calibration;
  std::vector<std::string> arguments = row_arguments(folder);
  if (stage == Stage::calibration) {
    arguments = {"--config", row_options_file(folder).string()};
    const std::vector<std::string> short_run = calibration_arguments(folder);
    arguments.insert(arguments.end(), short_run.begin(), short_run.end());
  }
  const std::vector<std::string> place = placement(slot, records_.rows()[row]);
  arguments.insert(arguments.end(), place.begin(), place.end());
  const fs::path output = folder / kOutputFile;
  const std::size_t begin = size_of_file(output);
  RowOutcome outcome;
  outcome.status = RowStatus::running;
  records_.set_outcome(row, outcome);
  // What an earlier start that was stopped has summed up is not what this one comes to.
  std::error_code missing;
  fs::remove(folder / kSummaryFile, missing);
  slots_[slot] = Job{row, stage, ChildProcess::start(arguments, output), begin, memory_kills()};
  log_to_file(log_, spdlog::level::info,
              fmt::format("{}: {} {}", records_.rows()[row].id,
                          stage == Stage::training ? "started" : "its speed is measured",
                          join(place, " ")));
}

// Flags that give a run its part of the machine, where its options leave that open.
std::vector<std::string> SweepRunner::placement(std::size_t slot, const SweepRow& row) const {
  std::vector<std::string> flags;
  const bool any_gpu = row.config.device == "auto" || row.config.device == "cuda";
  if (any_gpu && share_.gpus > 1) {
    flags = {"--device", fmt::format("cuda:{}", static_cast<int>(slot) % share_.gpus)};
  }
  const std::vector<std::string> threads = threads_flag(share_, row);
  flags.insert(flags.end(), threads.begin(), threads.end());
  return flags;
}

void SweepRunner::finish(const Job& job, const ChildEnd& end) {
  const fs::path folder = records_.run_folder(job.row);
  const std::string said = text_from(folder / kOutputFile, job.output_begin);
  RowOutcome outcome = outcome_of(end, said, folder, memory_kills() > job.memory_kills);
  if (job.stage == Stage::calibration && outcome.status == RowStatus::done) {
    finish_calibration(job.row);
  } else {
    end_row(job.row, std::move(outcome));
  }
}

// Chooses the row's length; it is still waiting, and starts to train when a slot is free.
void SweepRunner::finish_calibration(std::size_t row) {
  const fs::path calibration = records_.run_folder(row) / kCalibrationRun;
  const std::size_t reference = *records_.rows()[row].time_reference;
  try {
    const TimeMatch match = match_time(step_milliseconds(records_.run_folder(reference)),
                                       step_milliseconds(calibration));
    records_.set_time_match(row, match, forecaster_);
    log_.info("{}: {}", records_.rows()[row].id, match.note);
  } catch (const Error& error) {
    if (error.code() != ExitCode::usage) throw;
    RowOutcome outcome;
    outcome.status = RowStatus::failed;
    outcome.reason = "bad_options";
    outcome.message = error.what();
    end_row(row, outcome);
  }
  std::error_code ignored;  // what is left of it is in nobody's way
  fs::remove_all(calibration, ignored);
}

// Nothing more is to be done for the row in this process.
void SweepRunner::end_row(std::size_t row, RowOutcome outcome) {
  waiting_[row] = false;
  ++finished_;
  records_.set_outcome(row, std::move(outcome));
  const RowOutcome& ended = records_.outcome(row);
  const bool failed = ended.status == RowStatus::failed;
  if (failed && ended.reason == kDiskReason) row_without_disk_ = row;
  const std::string line = fmt::format("{} of {} rows: {} {}", finished_, waiting_.size(),
                                       records_.rows()[row].id, describe(ended));
  if (failed) {
    log_.warn("{}", line);
  } else {
    log_.info("{}", line);
  }
}

MachineShare machine_share(std::int64_t jobs) { return {jobs, usable_cores(), usable_gpus()}; }

std::int64_t MachineShare::threads() const {
  return jobs == 1 ? 0 : std::max<std::int64_t>(1, cores / jobs);
}

std::vector<std::string> threads_flag(const MachineShare& share, const SweepRow& row) {
  if (row.config.threads != 0 || share.threads() == 0) return {};
  return {"--threads", std::to_string(share.threads())};
}

}  // namespace hgnn_moe
