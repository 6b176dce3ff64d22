// The training loop of hgt_embed: steps, evaluations and checkpoints of one run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <spdlog/logger.h>

#include "hgnn_moe/base/prefetcher.h"
#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/graph_data.h"
#include "hgnn_moe/hgt/link_model.h"
#include "hgnn_moe/hgt/link_optimizer.h"
#include "hgnn_moe/kg/edge_order.h"
#include "hgnn_moe/kg/link_batch.h"
#include "hgnn_moe/kg/ranking.h"
#include "hgnn_moe/train/checkpoint_writer.h"
#include "hgnn_moe/train/metrics.h"
#include "hgnn_moe/train/progress.h"
#include "hgnn_moe/train/run_folder.h"
#include "hgnn_moe/train/stop_signal.h"
#include "hgnn_moe/train/training_state.h"

namespace hgnn_moe::hgt {

// Everything a loop works on. References outlive the trainer.
struct LinkTrainerParts {
  const HgtConfig& config;
  const GraphData& data;
  const RunFolder& folder;
  const LinkModel& model;
  LinkOptimizer& optimizer;
  MetricsWriter& metrics;
  spdlog::logger& log;
  // Checkpoints of all evaluations but the last are written from a copy while training goes on.
  bool copies_checkpoints = true;
};

// The samplers of a run, and what they draw from.
class LinkSampling;

class LinkTrainer {
 public:
  // `state` is that of a fresh run or of a loaded checkpoint. Its evaluation loss is 1 - MRR of the
  // validation triples (micro, filtered, both sides).
  LinkTrainer(LinkTrainerParts parts, TrainingState state);
  ~LinkTrainer();

  // Trains to the end of the last epoch or of max_steps, or until `stop` has received a signal,
  // after which a checkpoint is saved. Returns whether the run is complete. Throws Error(diverged)
  // before an update from a loss or gradient that is not finite and in place of a checkpoint of
  // such weights, with what to do; what was saved before stays.
  bool run(const StopSignal& stop);

  const TrainingState& state() const { return state_; }
  std::int64_t total_steps() const;
  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  std::int64_t triples() const { return triples_; }

 private:
  // What a step has added up.
  struct Step {
    double link = 0.0, contrast = 0.0, grad_norm = 0.0;
    std::int64_t nodes = 0, edges = 0;  // whose features were read; messages of all layers
    double data_seconds = 0.0, forward_seconds = 0.0, backward_seconds = 0.0,
           optimizer_seconds = 0.0;
  };
  using Batches = Prefetcher<kg::LinkBatch>;

  bool run_epoch(const StopSignal& stop);
  Step compute(Batches& batches, std::int64_t micro_batches);
  void check_finite(const Step& step) const;
  void record(const Step& step, std::int64_t triples, double learning_rate);
  void finish_step();
  void evaluate();
  void save(bool last);

  LinkTrainerParts parts_;
  TrainingState state_;
  std::unique_ptr<LinkSampling> sampling_;
  std::int64_t triples_ = 0;  // of an epoch
  std::int64_t steps_per_epoch_ = 0;
  Progress progress_;
  CheckpointWriter checkpoints_;
  double started_ = 0.0;  // seconds of a steady clock
};

}  // namespace hgnn_moe::hgt
