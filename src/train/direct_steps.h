// Steps that are computed at once, each exactly of its batch's shape: what a CPU does.
#pragma once

#include "weight_gradients.h"

#include "hgnn_moe/train/step_runner.h"

namespace hgnn_moe {

class DirectSteps : public StepRunner {
 public:
  // All outlive it.
  DirectSteps(LanguageModel& model, AdamW& optimizer, const TrainConfig& config)
      : model_(model), optimizer_(optimizer), config_(config), weight_gradients_(model) {}

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
};

}  // namespace hgnn_moe
