#include "direct_steps.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "hgnn_moe/base/clock.h"
#include "hgnn_moe/model/profile_scopes.h"
#include "hgnn_moe/train/device_batch.h"

namespace hgnn_moe {

namespace {

// Adds the time since `mark` to `total` and moves the mark.
void lap(double& mark, double& total) {
  const double now = seconds_now();
  total += now - mark;
  mark = now;
}

}  // namespace

std::optional<StepReport> DirectSteps::start(const StepPlan& plan,
                                             const std::vector<data::Batch>& batches) {
  StepReport report;
  report.plan = plan;
  accumulate_gradients(batches, report);
  if (std::isfinite(report.loss)) optimize(report);
  return report;
}

// Gradients of the mean loss over all real targets of the step, so that micro-batches give what
// one big batch gives. Ends with the first loss that is not finite.
void DirectSteps::accumulate_gradients(const std::vector<data::Batch>& batches,
                                       StepReport& report) {
  ForwardContext context;
  context.training = true;
  context.dropout_rate = config_.dropout_rate;
  context.seed = static_cast<std::uint64_t>(config_.seed);
  context.step = report.plan.step;
  std::int64_t first_index = 0;
  for (const data::Batch& batch : batches) {
    const std::int64_t index = first_index;
    first_index += batch.size;
    if (batch.real_targets == 0) continue;
    double mark = seconds_now();
    const DeviceBatch tensors = to_device(batch, index, at::kCPU, padding_);
    // Of the mean over the targets of all micro-batches of the step.
    const at::Tensor share =
        target_loss(model_, tensors, context, 1.0 / static_cast<double>(report.plan.targets));
    report.loss += share.item<double>();
    lap(mark, report.forward_seconds);
    if (!std::isfinite(report.loss)) return;
    share.backward();
    lap(mark, report.backward_seconds);
  }
}

// Updates the parameters from the clipped gradients, unless their norm is not finite, and drops
// those.
void DirectSteps::optimize(StepReport& report) {
  RECORD_USER_SCOPE(profile_scope::kOptimizer);
  double mark = seconds_now();
  const at::Tensor norm = gradient_norm(optimizer_.parameters());
  report.grad_norm = norm.item<double>();
  if (!std::isfinite(report.grad_norm)) return;
  if (weight_gradients_.layers() > 0) {
    const at::Tensor norms_L = weight_gradients_.norms().to(at::kDouble);
    const double* begin = norms_L.const_data_ptr<double>();
    report.hyperedge_weight_grad_norms.assign(begin, begin + norms_L.numel());
  }
  optimizer_.step(report.plan.learning_rate, clip_scale(norm, config_.grad_clip));
  for (const NamedParameter& parameter : optimizer_.parameters()) {
    at::Tensor tensor = parameter.tensor;
    tensor.mutable_grad().reset();
  }
  lap(mark, report.optimizer_seconds);
}

}  // namespace hgnn_moe
