#include "hgnn_moe/train/verify_coupler.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

struct LossAndGradients {
  double loss = 0.0;
  std::vector<at::Tensor> gradients;  // in the order of the parameters; zeros where undefined
};

LossAndGradients differentiate(const LanguageModel& model, const DeviceBatch& batch,
                               const ForwardContext& context) {
  const at::Tensor loss = target_losses(model, batch, context).mean();
  loss.backward();
  LossAndGradients result;
  result.loss = loss.item<double>();
  for (const NamedParameter& parameter : model.parameters()) {
    at::Tensor tensor = parameter.tensor;
    result.gradients.push_back(tensor.grad().defined() ? tensor.grad() : at::zeros_like(tensor));
    tensor.mutable_grad().reset();
  }
  return result;
}

double length(const at::Tensor& x) { return x.to(at::kDouble).norm().item<double>(); }

}  // namespace

std::string coupler_difference(const LanguageModel& model, const LanguageModel& reference,
                               const DeviceBatch& batch, const ForwardContext& context) {
  const bool bf16 = model.config().precision == Precision::bf16;
  const double tolerance = bf16 ? 5e-2 : 1e-3;
  const LossAndGradients ours = differentiate(model, batch, context);
  const LossAndGradients theirs = differentiate(reference, batch, context);
  // Written so that a value that is not a number differs.
  if (!(std::abs(ours.loss - theirs.loss) <= tolerance * std::abs(theirs.loss))) {
    return fmt::format("the loss is {} and {} token by token", ours.loss, theirs.loss);
  }
  double whole = 0.0;
  for (const at::Tensor& gradient : theirs.gradients) whole = std::hypot(whole, length(gradient));
  std::string worst;
  double worst_excess = 1.0;
  for (std::size_t i = 0; i < ours.gradients.size(); ++i) {
    const double size = length(theirs.gradients[i]);
    const double difference = length(ours.gradients[i] - theirs.gradients[i]);
    const double excess = difference / (tolerance * std::max(size, 1e-2 * whole));
    const bool is_number = std::isfinite(excess);
    if (is_number && excess <= worst_excess) continue;
    worst_excess = excess;
    worst = fmt::format("the gradient of {} differs by {:.1e} where its norm is {:.1e}",
                        model.parameters()[i].name, difference, size);
    if (!is_number) break;
  }
  return worst;
}

void verify_coupler(const LanguageModel& model, const DeviceBatch& batch,
                    const ForwardContext& context) {
  const at::Tensor first = model.parameters().front().tensor;
  const LanguageModel reference(model.config(), /*seed=*/0, first.scalar_type(), first.device(),
                                {CouplerPath::sequential});
  {
    const c10::NoGradGuard no_grad;
    for (std::size_t i = 0; i < model.parameters().size(); ++i) {
      at::Tensor(reference.parameters()[i].tensor).copy_(model.parameters()[i].tensor);
    }
  }
  const std::string difference = coupler_difference(model, reference, batch, context);
  if (difference.empty()) return;
  fail(ExitCode::self_check,
       "verify_coupler: on the first batch coupler_path {} does not compute what the sequential "
       "one does: {}; train with another coupler_path and report it",
       to_string(model.coupler_path()), difference);
}

}  // namespace hgnn_moe
