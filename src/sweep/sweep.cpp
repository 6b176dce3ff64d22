#include "hgnn_moe/sweep/sweep.h"

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "missing_data.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/sweep/sweep_export.h"
#include "hgnn_moe/sweep/sweep_file.h"
#include "hgnn_moe/sweep/sweep_plan.h"
#include "hgnn_moe/sweep/sweep_records.h"
#include "hgnn_moe/sweep/sweep_runner.h"
#include "hgnn_moe/sweep/sweep_table.h"
#include "hgnn_moe/train/stop_signal.h"

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;

std::vector<double> seen_rates(const SweepRecords& records) {
  std::vector<double> rates;
  for (std::size_t row = 0; row < records.rows().size(); ++row) {
    const Json& measured = records.outcome(row).measured;
    const bool has_rate = records.outcome(row).status == RowStatus::done &&
                          measured.contains("needed_flops_per_s") &&
                          measured.at("needed_flops_per_s").is_number();
    if (has_rate) rates.push_back(measured.at("needed_flops_per_s").get<double>());
  }
  return rates;
}

// What is there of the sweep.
SweepRecords open_records(const fs::path& folder, const SweepFile& file, SweepPlan plan,
                          Forecaster& forecaster, bool retry_failed) {
  SweepRecords records(folder, file, std::move(plan), forecaster);
  if (retry_failed) records.retry_failed();
  return records;
}

void warn_of(const std::vector<std::string>& sentences, spdlog::logger& log) {
  for (const std::string& sentence : sentences) log.warn("{}", sentence);
}

// Ends as --dry_run of a run does: without data it needs vocab_size.
int print_plan(const SweepRecords& records, const TrainConfig& config, const MissingData& missing) {
  const auto log = make_logger(config.quiet, std::nullopt);
  warn_of(records.plan().warnings, *log);
  TimeEstimator times(seen_rates(records), machine_share(config.sweep_jobs).threads());
  write_standard_output(plan_table(records, times, config.sweep_jobs));
  if (missing.of_all && missing.hides_sizes) {
    fail(ExitCode::data, "{}", join(missing.sentences, "\n"));
  }
  warn_of(missing.sentences, *log);
  return 0;
}

int write_export(const SweepRecords& records, const TrainConfig& config, spdlog::logger& log) {
  const ExportedSweep exported =
      export_sweep(records, config.sweep_export, machine_share(config.sweep_jobs));
  if (exported.runs > 0) {
    log.info("{} runs in {}", exported.runs, exported.file.string());
    log.info("once they have ended, start the sweep again to collect them");
  } else {
    log.warn("no run is left to export; nothing is written");
  }
  if (exported.waiting > 0) {
    log.warn(
        "{} rows are not exported: the sweep itself chooses how long they train (match_time) and "
        "runs them, once their references are done",
        exported.waiting);
  }
  return 0;
}

int run_rows(SweepRecords& records, Forecaster& forecaster, const TrainConfig& config,
             spdlog::logger& log) {
  // A caller may have left it ignored (trap '' CHLD): then nobody learns how a run has ended.
  std::signal(SIGCHLD, SIG_DFL);
  const StopSignal stop;
  SweepRunner runner(records, forecaster, machine_share(config.sweep_jobs), log);
  if (!runner.run(stop)) {
    log.warn("stopped by signal {} with {} of {} rows done; the same command goes on",
             stop.received(), records.count(RowStatus::done), records.rows().size());
    return 128 + stop.received();
  }
  const std::size_t missing = records.rows().size() - records.count(RowStatus::done);
  if (missing > 0) {
    fail(ExitCode::rows_failed,
         "{} of {} rows are not done; --sweep_retry_failed runs failed ones "
         "again:{}",
         missing, records.rows().size(), table_of_failures(records));
  }
  log.info("all {} rows are done; the table is {}", records.rows().size(),
           (records.folder() / "sweep.json").string());
  return 0;
}

}  // namespace

int run_sweep(const ParsedConfig& parsed) {
  const TrainConfig& config = parsed.config;
  const SweepFile file = read_sweep_file(config.sweep);
  Forecaster forecaster;
  SweepPlan plan = make_sweep_plan(file, parsed, forecaster);
  const MissingData missing = missing_data(plan, file.path);
  const fs::path folder = fs::path(config.checkpoint_dir) / plan.name;
  if (config.sweep_dry_run || missing.of_all) {
    // Finished rows that cannot be found again are the more important reason.
    const SweepRecords records =
        open_records(folder, file, std::move(plan), forecaster, config.sweep_retry_failed);
    if (config.sweep_dry_run) return print_plan(records, config, missing);
    fail(ExitCode::data, "{}", join(missing.sentences, "\n"));
  }
  hgnn_moe::create_directories(folder);
  const FolderLock lock = FolderLock::acquire(folder);
  // Read under the lock: another sweep may just have written it.
  SweepRecords records =
      open_records(folder, file, std::move(plan), forecaster, config.sweep_retry_failed);
  records.write_all();
  const auto log = make_logger(config.quiet, folder / "sweep.log");
  warn_of(records.plan().warnings, *log);
  warn_of(missing.sentences, *log);
  if (config.sweep_export != SweepExport::none) {
    return write_export(records, config, *log);
  }
  return run_rows(records, forecaster, config, *log);
}

}  // namespace hgnn_moe
