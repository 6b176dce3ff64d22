// Checkpoints that are written while training goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>

#include <spdlog/logger.h>

#include "hgnn_moe/base/available_memory.h"
#include "hgnn_moe/base/error.h"
#include "hgnn_moe/train/checkpoint.h"
#include "hgnn_moe/train/metrics.h"
#include "hgnn_moe/train/training_state.h"
#include "hgnn_moe/train/weight_notes.h"

namespace hgnn_moe {

struct CheckpointTarget {
  std::filesystem::path run_folder;  // locked by the caller
  WeightNotes notes;
  std::int64_t keep = 1;  // as prune_checkpoints
};

// Saves the checkpoints of a run, one at a time: metrics.jsonl is made durable, the checkpoint is
// written and published, earlier ones are pruned. What fails in the background, a full disk or
// weights that are not finite, is thrown by the next call of any function below, once, with the
// error it had; nothing of the failed checkpoint is left then, and none is pruned. All functions
// are called by one thread.
class CheckpointWriter {
 public:
  // Bytes of the host's memory that are left, where that is known.
  using AvailableMemory = std::function<std::optional<std::int64_t>()>;

  // `tensors` are the run's own. The references outlive the writer.
  CheckpointWriter(
      CheckpointTarget target, CheckpointTensors tensors, MetricsWriter& metrics,
      spdlog::logger& log, AvailableMemory available = [] { return available_memory(); });
  // Waits. An error that nobody has seen goes to the log.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Copies the tensors to memory of the host and returns; a thread with a small share
  // of the CPU does the rest. Waits first where the checkpoint before is still being written. The
  // copy's memory is taken once and kept. Where less is available, or it is refused, this and all
  // later checkpoints are written before the call returns, and the log says so once.
  void save(const TrainingState& state);

  // Writes from the tensors themselves before it returns: for the last checkpoint of a
  // process, which nothing is left to be computed beside.
  void save_now(const TrainingState& state);

  // Throws what a checkpoint that has ended failed with. Does not wait.
  void check();

  // Returns when nothing is being written any more.
  void wait();

  // For a run that diverges with `error`: waits, and returns the error of the checkpoint that was
  // being written where the weights in it had diverged before, else `error`. What else that failed
  // with goes to the log.
  Error first_divergence(const Error& error);

 private:
  bool take_snapshot();
  bool make_snapshot();
  void write(const CheckpointTensors& tensors, const TrainingState& state);

  const CheckpointTarget target_;
  const CheckpointTensors tensors_;
  MetricsWriter& metrics_;
  spdlog::logger& log_;
  const AvailableMemory available_memory_;
  bool in_background_ = true;
  CheckpointTensors snapshot_;  // empty before the first; the thread's while pending_ is valid
  std::future<void> pending_;
};

}  // namespace hgnn_moe
