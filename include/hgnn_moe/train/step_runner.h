// One update of the parameters, done at once on a CPU and queued on a GPU.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/data/batch.h"
#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/train/buckets.h"
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

// What the steps of a run on a GPU were captured into.
struct StepGraphs {
  std::int64_t count = 0;  // a graph each size of the inputs, and one of the update by itself
  std::int64_t bytes = 0;  // memory of the device that they keep
  std::string failure;     // not empty: why there are none, and steps go on uncaptured
};

struct StepReport {
  StepPlan plan;
  double loss = 0.0;       // mean over the real targets of all micro-batches
  double grad_norm = 0.0;  // before clipping; 0 where the loss is not finite
  // Of the parameters of each layer's hyperedge weights; empty where the model has none.
  std::vector<double> hyperedge_weight_grad_norms;
  double forward_seconds = 0.0, backward_seconds = 0.0, optimizer_seconds = 0.0;
  // Of a GPU: the sum of those three, which its own clock measured.
  std::optional<double> busy_seconds;
  bool warms_up = false;             // libraries were set up or work captured: no measure of speed
  std::optional<StepGraphs> graphs;  // where this step began with capturing

  bool is_finite() const { return std::isfinite(loss) && std::isfinite(grad_norm); }
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;

  // Starts the step of these micro-batches; those without targets are left out. Returns the report
  // of the step that is finished by now: of this one or, where steps are queued, of the one before,
  // if any. A step whose loss or gradient norm is not finite has changed nothing, and none that is
  // started after it will; what it reports beside them means nothing.
  virtual std::optional<StepReport> start(const StepPlan& plan,
                                          const std::vector<data::Batch>& batches) = 0;

  // Waits for the step that is not reported yet, if any. Before parameters are read or saved.
  virtual std::optional<StepReport> finish() = 0;
};

// Whether steps of such a run are captured where it is on a GPU: a profile shows the operations of
// steps that are not, and the sequential path asks for values in between.
bool can_capture(const TrainConfig& config, CouplerPath path);

// Steps that are computed at once on a CPU and queued on a GPU, captured where the configuration
// allows it. Batches are padded to a few sizes up to `limits`. References outlive it.
std::unique_ptr<StepRunner> make_step_runner(LanguageModel& model, AdamW& optimizer,
                                             const TrainConfig& config, const BatchLimits& limits,
                                             c10::Device device);

// Throws Error(diverged), without advice, unless loss and norm are finite.
void check_finite(const StepReport& report);

}  // namespace hgnn_moe
