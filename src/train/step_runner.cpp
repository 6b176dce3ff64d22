#include "hgnn_moe/train/step_runner.h"

#include <cmath>

#include "direct_steps.h"
#include "queued_steps.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

std::unique_ptr<StepRunner> make_step_runner(LanguageModel& model, AdamW& optimizer,
                                             const TrainConfig& config, c10::Device device,
                                             bool graphs) {
  if (device.is_cpu()) return std::make_unique<DirectSteps>(model, optimizer, config, device);
  return std::make_unique<QueuedSteps>(model, optimizer, config, graphs,
                                       ops::make_cuda_queue(device));
}

void check_finite(const StepPlan& plan, double loss, double grad_norm) {
  if (!std::isfinite(loss)) {
    fail(ExitCode::diverged,
         "step {}: the loss is {}; lower learning_rate or resume from the last checkpoint with "
         "other settings",
         plan.step + 1, loss);
  }
  if (!std::isfinite(grad_norm)) {
    fail(ExitCode::diverged,
         "step {}: the gradient's norm is {} at loss {}; lower learning_rate or resume from the "
         "last checkpoint with other settings",
         plan.step + 1, grad_norm, loss);
  }
}

}  // namespace hgnn_moe
