// One update of the parameters, done at once on a CPU and queued on a GPU.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <c10/core/Device.h>

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/data/batch.h"
#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/train/optimizer.h"

namespace hgnn_moe {

// What the trainer knows of a step before it is computed.
struct StepPlan {
  std::int64_t step = 0;  // finished updates before it
  std::int64_t epoch = 0;
  double learning_rate = 0.0;
  std::int64_t tokens = 0;    // real inputs
  std::int64_t targets = 0;   // real ones, of all micro-batches; not 0
  double flops = 0.0;         // see needed_flops
  double data_seconds = 0.0;  // waited for its batches
  double begin = 0.0;         // on the trainer's clock
};

struct StepReport {
  StepPlan plan;
  double loss = 0.0;       // mean over the real targets of all micro-batches
  double grad_norm = 0.0;  // before clipping
  double forward_seconds = 0.0, backward_seconds = 0.0, optimizer_seconds = 0.0;
  std::optional<double> busy_seconds;  // of a GPU, from the step's first work to its last
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;

  // Starts the step of these micro-batches; those without targets are left out. Returns the report
  // of the step that is finished by now: of this one or, where steps are queued, of the one before,
  // if any. Throws Error(diverged) where the loss or the gradient's norm of the step that it would
  // report is not finite; that step has then changed nothing, and no later one will.
  virtual std::optional<StepReport> start(const StepPlan& plan,
                                          const std::vector<data::Batch>& batches) = 0;

  // Waits for the step that is not reported yet, if any. Before parameters are read or saved.
  virtual std::optional<StepReport> finish() = 0;
};

// `graphs`: on a GPU steps are captured once for each shape and replayed.
std::unique_ptr<StepRunner> make_step_runner(LanguageModel& model, AdamW& optimizer,
                                             const TrainConfig& config, c10::Device device,
                                             bool graphs);

// Throws Error(diverged) unless both are finite.
void check_finite(const StepPlan& plan, double loss, double grad_norm);

}  // namespace hgnn_moe
