#include "hgnn_moe/ops/linear_cross_entropy.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/custom_function.h>

#include "cross_entropy_pass.h"
#include "operator_registry.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

// As autograd keeps it.
struct Pass : torch::CustomClassHolder, CrossEntropyPass {
  explicit Pass(CrossEntropyPass pass) : CrossEntropyPass(std::move(pass)) {}
};

class LinearCrossEntropy : public torch::autograd::Function<LinearCrossEntropy> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& hidden_KD,
                            const at::Tensor& weight_VD, const at::Tensor& bias_V,
                            const at::Tensor& targets_K, const std::optional<at::Tensor>& weights_K,
                            std::int64_t products, std::int64_t logit_bytes,
                            const at::Tensor& rounded_weight_VD, double scale) {
    const LinearCrossEntropyInputs in{hidden_KD,
                                      weight_VD,
                                      bias_V,
                                      targets_K,
                                      static_cast<at::ScalarType>(products),
                                      logit_bytes,
                                      rounded_weight_VD,
                                      weights_K.value_or(at::Tensor())};
    auto pass = c10::make_intrusive<Pass>(cross_entropy_pass(in, scale, /*gradients=*/true));
    const at::Tensor loss = pass->losses_K.sum() * scale;
    context->saved_data["pass"] = c10::IValue::make_capsule(pass);
    return loss;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    refuse_second_derivative("linear_cross_entropy");
    const auto capsule = context->saved_data["pass"].toCapsule();
    auto* pass = static_cast<Pass*>(capsule.get());
    HGNN_MOE_ASSERT(pass->d_hidden_KD.defined(), "{}", "the loss is differentiated twice");
    // Moved out, so that the parameters take them as they are instead of a copy.
    torch::autograd::variable_list result{std::move(pass->d_hidden_KD),
                                          std::move(pass->d_weight_VD), std::move(pass->d_bias_V)};
    const at::Tensor& d_loss = gradients[0];
    // On a GPU asking for the value would wait for it.
    if (!d_loss.is_cpu() || d_loss.item<double>() != 1.0) {
      for (at::Tensor& gradient : result) gradient.mul_(d_loss);
    }
    result.resize(9);
    return result;
  }
};

void check(const LinearCrossEntropyInputs& in) {
  HGNN_MOE_ASSERT(in.hidden_KD.dim() == 2 && in.weight_VD.dim() == 2 && in.bias_V.dim() == 1 &&
                      in.hidden_KD.size(1) == in.weight_VD.size(1) &&
                      in.bias_V.size(0) == in.weight_VD.size(0) &&
                      in.targets_K.sizes() == in.hidden_KD.sizes().slice(0, 1) &&
                      (!in.rounded_weight_VD.defined() ||
                       (in.rounded_weight_VD.sizes() == in.weight_VD.sizes() &&
                        in.rounded_weight_VD.scalar_type() == in.products)),
                  "{} rows, {} targets, V {}", in.hidden_KD.size(0), in.targets_K.numel(),
                  in.weight_VD.size(0));
  HGNN_MOE_ASSERT(!in.weights_K.defined() || in.weights_K.sizes() == in.targets_K.sizes(),
                  "{} weights for {} rows", in.weights_K.numel(), in.targets_K.numel());
}

}  // namespace

std::int64_t logit_rows(std::int64_t rows, std::int64_t row_bytes, std::int64_t logit_bytes) {
  const std::int64_t most =
      std::max<std::int64_t>(1, logit_bytes / std::max<std::int64_t>(1, row_bytes));
  const std::int64_t chunks = std::max<std::int64_t>(1, (rows + most - 1) / most);
  return std::max<std::int64_t>(1, (rows + chunks - 1) / chunks);
}

at::Tensor linear_cross_entropy_losses(const LinearCrossEntropyInputs& in) {
  check(in);
  const at::NoGradGuard no_grad;
  return cross_entropy_pass(in, 1.0, /*gradients=*/false).losses_K;
}

at::Tensor linear_cross_entropy(const LinearCrossEntropyInputs& in, double scale) {
  check(in);
  const bool needs_gradient =
      at::GradMode::is_enabled() &&
      (in.hidden_KD.requires_grad() || in.weight_VD.requires_grad() || in.bias_V.requires_grad());
  if (!needs_gradient) return linear_cross_entropy_losses(in).sum() * scale;
  // autograd takes no undefined tensor.
  const std::optional<at::Tensor> weights_K =
      in.weights_K.defined() ? std::make_optional(in.weights_K) : std::nullopt;
  return LinearCrossEntropy::apply(in.hidden_KD, in.weight_VD, in.bias_V, in.targets_K, weights_K,
                                   static_cast<std::int64_t>(in.products), in.logit_bytes,
                                   weight_of_products(in), scale);
}

}  // namespace hgnn_moe::ops
