#include "hgnn_moe/train/verify_coupler.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

constexpr double kRelativeTolerance = 1e-3;
constexpr double kRoundingErrors = 10.0;  // of the plain path that ours may make
constexpr double kSinglePrecision = 0x1p-24;

double length(const at::Tensor& x) { return x.to(at::kDouble).norm().item<double>(); }

double distance(const at::Tensor& x, const at::Tensor& exact) {
  return length(x.to(at::kDouble) - exact);
}

// "model_layers.#.experts.#.norm#.bias"
std::string kind_of(const std::string& name) {
  std::string kind;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) kind += c;
    if (digit && (kind.empty() || kind.back() != '#')) kind += '#';
  }
  return kind;
}

// The sequential path of `model` on its own parameters, converted to `type`.
LossAndGradients run_sequentially(const LanguageModel& model, at::ScalarType type,
                                  const DeviceBatch& batch, const ForwardContext& context) {
  ModelConfig config = model.config();
  if (type == at::kDouble) config.precision = Precision::fp32;  // its products then are float64
  const at::Device device = model.parameters().front().tensor.device();
  const LanguageModel copy(config, /*seed=*/0, type, device, {CouplerPath::sequential});
  {
    const c10::NoGradGuard no_grad;
    for (std::size_t i = 0; i < model.parameters().size(); ++i) {
      at::Tensor(copy.parameters()[i].tensor).copy_(model.parameters()[i].tensor);
    }
  }
  return loss_and_gradients(copy, batch, context);
}

}  // namespace

LossAndGradients loss_and_gradients(const LanguageModel& model, const DeviceBatch& batch,
                                    const ForwardContext& context) {
  const auto targets = static_cast<double>(batch.targets_K.size(0));
  const at::Tensor loss = target_loss(model, batch, context, 1.0 / targets);
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

std::string coupler_difference(const ParameterList& parameters, const LossAndGradients& ours,
                               const LossAndGradients& plain, const LossAndGradients& exact) {
  // Written so that a value that is not a number differs.
  if (!(std::abs(ours.loss - exact.loss) <=
        kRelativeTolerance * std::abs(exact.loss) +
            kRoundingErrors * std::abs(plain.loss - exact.loss))) {
    return fmt::format("the loss is {} and {} token by token", ours.loss, exact.loss);
  }
  double whole = 0.0, whole_rounding = 0.0;
  std::map<std::string, double> rounding;  // of each kind
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const double error = distance(plain.gradients[i], exact.gradients[i]);
    whole = std::hypot(whole, length(exact.gradients[i]));
    whole_rounding = std::hypot(whole_rounding, error);
    double& largest = rounding[kind_of(parameters[i].name)];
    largest = std::max(largest, error);
  }
  const double relative =
      kRelativeTolerance + (whole > 0.0 ? kRoundingErrors * whole_rounding / whole : 0.0);
  std::string worst;
  double worst_excess = 1.0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const double size = length(exact.gradients[i]);
    const double difference = distance(ours.gradients[i], exact.gradients[i]);
    const double allowed = relative * size +
                           kRoundingErrors * rounding.at(kind_of(parameters[i].name)) +
                           kSinglePrecision * whole;
    if (difference <= worst_excess * allowed) continue;  // also where both are zero
    const double excess = difference / allowed;
    worst = fmt::format("the gradient of {} differs by {:.1e} where its norm is {:.1e}",
                        parameters[i].name, difference, size);
    if (!std::isfinite(excess)) break;
    worst_excess = excess;
  }
  return worst;
}

void verify_coupler(const LanguageModel& model, const DeviceBatch& batch,
                    const ForwardContext& context) {
  const at::ScalarType type = model.parameters().front().tensor.scalar_type();
  const LossAndGradients ours = loss_and_gradients(model, batch, context);
  const LossAndGradients plain = run_sequentially(model, type, batch, context);
  const LossAndGradients exact = run_sequentially(model, at::kDouble, batch, context);
  if (!std::isfinite(exact.loss)) {
    fail(ExitCode::diverged,
         "verify_coupler: the loss of the first batch is {} on any coupler_path; check the weights",
         exact.loss);
  }
  const std::string difference = coupler_difference(model.parameters(), ours, plain, exact);
  if (difference.empty()) return;
  fail(ExitCode::self_check,
       "verify_coupler: on the first batch coupler_path {} does not compute what the sequential "
       "one does: {}; train with another coupler_path and report it",
       to_string(model.coupler_path()), difference);
}

}  // namespace hgnn_moe
