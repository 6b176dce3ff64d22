// The training loop: steps, evaluations and checkpoints of one run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <c10/core/Device.h>
#include <spdlog/logger.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/prefetcher.h"
#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/train/checkpoint_writer.h"
#include "hgnn_moe/train/evaluation.h"
#include "hgnn_moe/train/metrics.h"
#include "hgnn_moe/train/optimizer.h"
#include "hgnn_moe/train/plan.h"
#include "hgnn_moe/train/progress.h"
#include "hgnn_moe/train/run_folder.h"
#include "hgnn_moe/train/run_speed.h"
#include "hgnn_moe/train/step_runner.h"
#include "hgnn_moe/train/stop_signal.h"
#include "hgnn_moe/train/training_state.h"

namespace hgnn_moe {

// Everything a loop works on. References outlive the trainer.
struct TrainerParts {
  const TrainConfig& config;
  const data::Dataset& dataset;
  const RunFolder& folder;
  LanguageModel& model;
  AdamW& optimizer;
  MetricsWriter& metrics;
  spdlog::logger& log;
  c10::Device device;
  StepRunner& steps;  // of the model and the optimizer
};

class StepProfile;

class Trainer {
 public:
  // `state` is that of a fresh run (its fingerprint alone filled in) or of a loaded checkpoint.
  Trainer(TrainerParts parts, TrainingState state);
  ~Trainer();

  // Trains up to the plan's last step, or until `stop` has received a signal, after which a
  // checkpoint is saved; an evaluation that a signal or an error ends is left to the resume.
  // Returns whether the run is complete. Throws Error(diverged) before an update from a loss or
  // gradient that is not finite, when an evaluation's loss is not, and in place of a checkpoint of
  // such weights, with what to do; everything saved so far stays as it was, and state().step counts
  // the updates before it.
  bool run(const StopSignal& stop);

  // Whether there is nothing left to do.
  bool is_complete() const;

  const TrainPlan& plan() const { return plan_; }
  const TrainingState& state() const { return state_; }
  // Without the steps that warm up.
  const RunSpeed& speed() const { return speed_; }
  // None while nothing was captured.
  const std::optional<StepGraphs>& graphs() const { return graphs_; }

  // From the start of the process to that of the first step; nothing before it.
  std::optional<double> startup_seconds() const { return startup_seconds_; }

 private:
  void note_start();
  bool train_to_disk(const StopSignal& stop);
  bool train(const StopSignal& stop);
  Error with_advice(const Error& error) const;
  bool run_epoch(const StopSignal& stop);
  void next_step(Prefetcher<data::Batch>& prefetcher, std::int64_t end);
  void settle();
  void record(const StepReport& report);
  void note_graphs(const StepGraphs& graphs);
  void warn_of_empty_batch();
  bool finish_step(std::int64_t next_batch, const StopSignal& stop);
  void evaluate_and_save(const StopSignal& stop);
  bool evaluate_now(const StopSignal& stop);
  void save_unevaluated();
  void record_layers();
  void warn_of_cancelled_degrees();
  void save(bool last);
  void write_profile();
  void show_progress(const StepReport& report, double tokens_per_s);

  TrainerParts parts_;
  TrainingState state_;
  RunSpeed speed_;
  std::optional<StepGraphs> graphs_;
  double last_record_ = 0.0;  // seconds of a steady clock
  std::optional<StepReport> last_report_;
  std::vector<std::int64_t> train_rows_;
  std::vector<std::int64_t> eval_rows_;
  TrainPlan plan_;
  Progress progress_;
  CheckpointWriter checkpoints_;
  std::unique_ptr<StepProfile> profile_;
  TokenLosses token_losses_;  // of the last evaluation, where they are asked for
  double started_ = 0.0;      // seconds of a steady clock
  std::optional<double> startup_seconds_;
  bool warned_of_degrees_ = false;
  bool warned_of_empty_batches_ = false;
};

// The rows of `set` that a run trains on, and those that it evaluates, in file order.
std::vector<std::int64_t> training_rows(const TrainConfig& config, const data::SampleSet& set);
std::vector<std::int64_t> evaluation_rows(const TrainConfig& config, const data::SampleSet& set);

}  // namespace hgnn_moe
