#include "comparison_runner.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "hgnn_moe/base/available_memory.h"
#include "hgnn_moe/base/clock.h"
#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/base/text.h"

namespace hgnn_moe::hgt {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kPollInterval{10};
// A run whose parent was killed dies with it, but writes its last block first.
constexpr double kPatienceSeconds = 20.0;

constexpr char kProgram[] = "hgt_embed";
constexpr char kConfigFile[] = "config.json";
constexpr char kSummaryFile[] = "run_summary.json";
constexpr char kOptionsFile[] = "options.json";
constexpr char kOutputFile[] = "output.log";

// Options that change neither what a run comes to nor how long it takes; graph and features are
// told by their content.
constexpr const char* kWithoutEffect[] = {"graph",
                                          "features",
                                          "cache_dir",
                                          "preset",
                                          "run_name",
                                          "resume_checkpoint",
                                          "keep_checkpoints",
                                          "checkpoint_dir",
                                          "overwrite",
                                          "quiet",
                                          "dry_run"};

Json read_summary(const ComparedRun& run) {
  const fs::path file = fs::path(run.folder()) / kSummaryFile;
  return fs::exists(file) ? read_json_file(file, ExitCode::data) : Json();
}

// Where it stays locked, the run says so itself.
void wait_while_locked(const fs::path& folder, const StopSignal& stop) {
  const double begin = seconds_now();
  while (stop.received() == 0 && seconds_now() - begin < kPatienceSeconds &&
         FolderLock::is_held(folder)) {
    std::this_thread::sleep_for(kPollInterval);
  }
}

ChildEnd end_of(ChildProcess& child, const StopSignal& stop) {
  for (bool passed_on = false;;) {
    if (stop.received() != 0 && !passed_on) {
      child.send(stop.received());
      passed_on = true;
    }
    if (const auto end = child.poll()) return *end;
    std::this_thread::sleep_for(kPollInterval);
  }
}

std::string describe(const RunResult& result) {
  if (result.outcome.status == ChildStatus::done) {
    std::string text = "done";
    const Json mrr = result.summary.value("/results/test/micro/mrr"_json_pointer, Json());
    if (mrr.is_number()) text += fmt::format(", test MRR {:.4f}", mrr.get<double>());
    const double seconds = result.summary.at("seconds").get<double>();
    return text + fmt::format(", {} of training", format_duration(seconds));
  }
  if (result.outcome.status == ChildStatus::stopped) return "stopped";
  return fmt::format("failed: {}: {}", result.outcome.reason, result.outcome.message);
}

}  // namespace

const char* name_of(RunState state) {
  switch (state) {
    case RunState::absent:
      return "absent";
    case RunState::unfinished:
      return "unfinished";
    case RunState::done:
      break;
  }
  return "done";
}

RunState state_of(const ComparedRun& run) {
  if (!fs::exists(fs::path(run.folder()) / kConfigFile)) return RunState::absent;
  const Json summary = read_summary(run);
  const bool is_done = summary.is_object() && summary.value("status", "") == "done";
  return is_done ? RunState::done : RunState::unfinished;
}

std::vector<std::string> differences_to(const ComparedRun& run, const RunInput& input) {
  const fs::path file = fs::path(run.folder()) / kConfigFile;
  if (!fs::exists(file)) return {};
  const Json record = read_json_file(file, ExitCode::data);
  const Json now = to_json(run.config);
  const Json there = to_json(hgt_config_of(record.at("config")));
  std::vector<std::string> differences;
  for (const auto& [name, value] : now.items()) {
    const bool has_effect = std::find(std::begin(kWithoutEffect), std::end(kWithoutEffect), name) ==
                            std::end(kWithoutEffect);
    if (has_effect && there.at(name) != value) {
      differences.push_back(
          fmt::format("{}: {} there, {} now", name, there.at(name).dump(), value.dump()));
    }
  }
  const Json& graph = record.at("graph");
  if (graph.at("content_hash") != input.graph_hash) {
    differences.emplace_back("the graph holds something else now");
  }
  if (graph.value("/features/content_hash"_json_pointer, "") != input.features_hash) {
    differences.emplace_back("the features have other numbers now");
  }
  return differences;
}

bool ComparisonRunner::run(const StopSignal& stop) {
  for (const ComparedRun& each : runs_) {
    if (stop.received() != 0) return false;
    RunResult result;
    const bool is_kept = !overwrite_ && state_of(each) == RunState::done;
    if (is_kept) {
      result.summary = read_summary(each);
    } else {
      result = make(each, stop);
    }
    const bool is_stopped = stop.received() != 0 && result.outcome.status == ChildStatus::stopped;
    log_.log(
        result.outcome.status == ChildStatus::failed ? spdlog::level::warn : spdlog::level::info,
        "{} of {} runs: {} {}{}", results_.size() + 1, runs_.size(), each.config.run_name,
        is_kept ? "was already " : "", describe(result));
    if (is_stopped) return false;
    if (result.outcome.reason == kDiskReason) {
      fail(ExitCode::disk,
           "the comparison stops, because run '{}' could not write its files: {}; free some space "
           "and start again",
           each.folder(), result.outcome.message);
    }
    results_.push_back(std::move(result));
  }
  return true;
}

RunResult ComparisonRunner::make(const ComparedRun& run, const StopSignal& stop) const {
  const fs::path folder = run.folder();
  hgnn_moe::create_directories(folder);
  wait_while_locked(folder, stop);
  write_file_atomically(folder / kOptionsFile, json_text(options_of_run(run), 2) + "\n");
  std::vector<std::string> arguments = {"train", "--config", (folder / kOptionsFile).string()};
  if (overwrite_) {
    arguments.emplace_back("--overwrite");
  } else {
    arguments.insert(arguments.end(), {"--resume_checkpoint", "auto"});
  }
  const fs::path output = folder / kOutputFile;
  const std::size_t begin = size_of_file(output);
  const std::int64_t kills_before = memory_kills();
  log_to_file(log_, spdlog::level::info, run.config.run_name + ": started");
  ChildProcess child = ChildProcess::start(arguments, output);
  const ChildEnd end = end_of(child, stop);
  RunResult result;
  result.outcome =
      outcome_of_child(end, kProgram, text_from(output, begin), memory_kills() > kills_before);
  if (result.outcome.status == ChildStatus::done) result.summary = read_summary(run);
  return result;
}

}  // namespace hgnn_moe::hgt
