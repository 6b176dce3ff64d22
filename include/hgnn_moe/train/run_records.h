// The JSON records of a run: config.json, run_summary.json, and what resume compares.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <c10/core/Device.h>
#include <spdlog/logger.h>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/train_options.h"
#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/model/model_config.h"
#include "hgnn_moe/train/step_runner.h"

namespace hgnn_moe {

// What made a run: version, commit, libraries, device, instruction set and threads.
Json build_record(c10::Device device);

// Every resolved key and where it came from, with the build and the device.
Json config_record(const ParsedConfig& parsed, const data::Dataset& dataset, c10::Device device);

// Everything that must be equal for a checkpoint to go on: model, data (by content), seed,
// batches, optimizer, schedule; and apart, under "horizon", epochs and max_steps, which may be
// raised. Device, threads, output, evaluation and checkpoint frequency are left out.
Json resume_fingerprint(const TrainConfig& config, const ModelConfig& model,
                        const data::Dataset& dataset);

// Every option with vocab_size as it is in use: what the options in a checkpoint's fingerprint are
// compared with where its weights do not fit the model.
Json model_options(const TrainConfig& config, const ModelConfig& model);

// Compares fingerprints; what they hold under "horizon" may be raised. Throws Error(usage) naming
// every difference, a lowered horizon too. Returns a sentence where the horizon was raised, else
// "".
std::string check_resume(const Json& saved, const Json& current);

enum class RunStatus { done, stopped, diverged, failed };

// "done" ... as in run_summary.json.
const char* status_name(RunStatus status);

struct RunSummary {
  std::string run_name;
  bool synthetic = false;
  std::optional<double> best_eval_loss;
  std::optional<double> final_eval_loss;
  std::int64_t steps = 0;
  std::int64_t tokens = 0;  // real inputs, over all resumes
  std::int64_t parameters = 0;
  double seconds = 0.0;                            // training, over all resumes
  std::optional<double> startup_seconds;           // from the process's start to its first step
  ExpertPath expert_path = ExpertPath::automatic;  // the resolved one
  std::optional<CouplerPath> coupler_path;  // the resolved one, where the couplers have layers
  std::optional<bool> coupler_kernels;      // whether ours, else plain ATen; none without couplers
  // Of the steps of this process, see RunSpeed; none where it counts no step, for mfu where the
  // device's peak is not known, and for gpu_utilisation on a CPU.
  std::optional<double> needed_flops_per_s, mfu, gpu_utilisation;
  std::optional<StepGraphs> graphs;  // what steps were captured into; none where they were not
  std::int64_t peak_memory_bytes = 0;
  RunStatus status = RunStatus::failed;
};

Json summary_record(const RunSummary& summary);

// Returns what `work` does. Where it throws, that goes on after `write_summary` with diverged or
// failed; what this throws in turn is a warning.
bool with_summary_of_failure(spdlog::logger& log,
                             const std::function<void(RunStatus)>& write_summary,
                             const std::function<bool()>& work);

// What --version of `program` prints: version, commit, LibTorch, CUDA, CPU features.
std::string version_text(const char* program);

}  // namespace hgnn_moe
