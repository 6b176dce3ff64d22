// Steps that are computed at once, each of its batch's shape but for a little padding: what a CPU
// does.
#pragma once

#include "weight_gradients.h"

#include "hgnn_moe/train/device_batch.h"
#include "hgnn_moe/train/step_runner.h"

namespace hgnn_moe {

class DirectSteps : public StepRunner {
 public:
  // References outlive it; batches keep to `limits`.
  DirectSteps(LanguageModel& model, AdamW& optimizer, const TrainConfig& config,
              const BatchLimits& limits)
      : model_(model),
        optimizer_(optimizer),
        config_(config),
        weight_gradients_(model),
        padding_(few_sizes(limits)) {}

  std::optional<StepReport> start(const StepPlan& plan,
                                  const std::vector<data::Batch>& batches) override;
  std::optional<StepReport> finish() override { return std::nullopt; }

 private:
  void accumulate_gradients(const std::vector<data::Batch>& batches, StepReport& report);
  void optimize(StepReport& report);

  LanguageModel& model_;
  AdamW& optimizer_;
  const TrainConfig& config_;
  HyperedgeWeightGradients weight_gradients_;
  Padding padding_;
};

}  // namespace hgnn_moe
