#include "hgnn_moe/ops/linear_cross_entropy.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/custom_function.h>

#include "cross_entropy_rows.h"
#include "operator_registry.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

// As autograd keeps it.
struct Pass : torch::CustomClassHolder, CrossEntropyPass {};

at::Tensor weight_of_products(const LinearCrossEntropyInputs& in) {
  if (in.rounded_weight_VD.defined()) return in.rounded_weight_VD;
  return in.weight_VD.detach().to(in.products);
}

// The log-probabilities of one chunk of rows [k, V], in buffers that all chunks share.
class LogProbabilities {
 public:
  LogProbabilities(const LinearCrossEntropyInputs& in, std::int64_t rows)
      : bias_V_(in.bias_V),
        weight_VD_(weight_of_products(in)),
        logits_(at::empty({rows, in.weight_VD.size(0)}, weight_VD_.options())),
        log_probabilities_(at::empty({rows, in.weight_VD.size(0)}, in.hidden_KD.options())) {}

  // x_kD is of the products' type.
  at::Tensor compute(const at::Tensor& x_kD) {
    at::Tensor logits_kV = logits_.narrow(0, 0, x_kD.size(0));
    at::Tensor result_kV = log_probabilities_.narrow(0, 0, x_kD.size(0));
    if (logits_kV.scalar_type() == result_kV.scalar_type()) {
      at::addmm_out(logits_kV, bias_V_, x_kD, weight_VD_.t());
      return at::_log_softmax_out(result_kV, logits_kV, 1, /*half_to_float=*/false);
    }
    at::mm_out(logits_kV, x_kD, weight_VD_.t());
    at::add_out(result_kV, logits_kV, bias_V_);
    return at::_log_softmax_out(result_kV, result_kV, 1, /*half_to_float=*/false);
  }

  const at::Tensor& weight() const { return weight_VD_; }
  // For the chunk's gradient, once its logits are no longer needed.
  at::Tensor scratch(std::int64_t rows) const { return logits_.narrow(0, 0, rows); }

 private:
  at::Tensor bias_V_, weight_VD_;
  at::Tensor logits_, log_probabilities_;
};

c10::intrusive_ptr<Pass> run(const LinearCrossEntropyInputs& in, double scale, bool gradients) {
  const std::int64_t rows = in.hidden_KD.size(0);
  const std::int64_t chunk =
      logit_rows(rows, in.weight_VD.size(0) * in.hidden_KD.element_size(), in.logit_bytes);
  auto pass = c10::make_intrusive<Pass>();
  if (in.hidden_KD.is_cuda()) {
    static_cast<CrossEntropyPass&>(*pass) = cross_entropy_by_rows(in, scale, gradients);
    return pass;
  }
  pass->losses_K = at::empty({rows}, in.hidden_KD.options());
  if (gradients) {
    pass->d_hidden_KD = at::empty_like(in.hidden_KD);
    pass->d_weight_VD = at::zeros_like(in.weight_VD);
    pass->d_bias_V = at::zeros_like(in.bias_V);
  }
  LogProbabilities log_probabilities(in, chunk);
  for (std::int64_t first = 0; first < rows; first += chunk) {
    const std::int64_t count = std::min(chunk, rows - first);
    const at::Tensor x_kD = in.hidden_KD.narrow(0, first, count).to(in.products);
    const at::Tensor targets_k1 = in.targets_K.narrow(0, first, count).unsqueeze(1);
    at::Tensor chunk_kV = log_probabilities.compute(x_kD);
    at::Tensor losses_k = pass->losses_K.narrow(0, first, count);
    at::neg_out(losses_k, chunk_kV.gather(1, targets_k1).squeeze(1));
    const bool weighted = in.weights_K.defined();
    const at::Tensor weights_k = weighted ? in.weights_K.narrow(0, first, count) : at::Tensor();
    if (weighted) losses_k.mul_(weights_k);
    if (!gradients) continue;
    // d loss / d logits = softmax - one at the target.
    chunk_kV.exp_().scatter_add_(1, targets_k1,
                                 at::full({1, 1}, -1.0, chunk_kV.options()).expand({count, 1}));
    // Weights act on what is small: one more pass over the logits would cost as much as a softmax.
    pass->d_bias_V.add_(weighted ? at::mv(chunk_kV.t(), weights_k) : chunk_kV.sum(0), scale);
    const at::Tensor weighted_x_kD =
        weighted ? x_kD.mul(weights_k.unsqueeze(1).to(in.products)) : x_kD;
    at::Tensor d_logits_kV = chunk_kV;
    if (in.products != chunk_kV.scalar_type()) {
      d_logits_kV = log_probabilities.scratch(count).copy_(chunk_kV);
    }
    at::Tensor d_hidden_kD = pass->d_hidden_KD.narrow(0, first, count);
    if (in.products == d_hidden_kD.scalar_type()) {
      at::mm_out(d_hidden_kD, d_logits_kV, log_probabilities.weight());
      pass->d_weight_VD.addmm_(d_logits_kV.t(), weighted_x_kD, 1.0, scale);
    } else {
      d_hidden_kD.copy_(at::mm(d_logits_kV, log_probabilities.weight()));
      pass->d_weight_VD.add_(at::mm(d_logits_kV.t(), weighted_x_kD), scale);
    }
    if (weighted) d_hidden_kD.mul_(weights_k.unsqueeze(1));
    if (scale != 1.0) d_hidden_kD.mul_(scale);
  }
  return pass;
}

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
    const auto pass = run(in, scale, /*gradients=*/true);
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
  return run(in, 1.0, /*gradients=*/false)->losses_K;
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
