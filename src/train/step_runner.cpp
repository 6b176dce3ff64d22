#include "hgnn_moe/train/step_runner.h"

#include <cmath>

#include "direct_steps.h"
#include "queued_steps.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

bool can_capture(const TrainConfig& config, CouplerPath path) {
  return config.cuda_graphs && config.profile == 0 && path != CouplerPath::sequential;
}

std::unique_ptr<StepRunner> make_step_runner(LanguageModel& model, AdamW& optimizer,
                                             const TrainConfig& config, const BatchLimits& limits,
                                             c10::Device device) {
  if (device.is_cpu()) {
    return std::make_unique<DirectSteps>(model, optimizer, config, limits);
  }
  return std::make_unique<QueuedSteps>(model, optimizer, config, limits,
                                       can_capture(config, model.coupler_path()),
                                       ops::make_cuda_queue(device));
}

void check_finite(const StepReport& report) {
  const std::int64_t step = report.plan.step + 1;
  if (!std::isfinite(report.loss)) {
    fail(ExitCode::diverged, "step {}: the loss is {}", step, report.loss);
  }
  if (!std::isfinite(report.grad_norm)) {
    fail(ExitCode::diverged, "step {}: the gradient's norm is {} at loss {}", step,
         report.grad_norm, report.loss);
  }
}

}  // namespace hgnn_moe
