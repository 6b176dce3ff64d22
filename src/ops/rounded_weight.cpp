#include "hgnn_moe/ops/rounded_weight.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

// Tensor::to whose result is at hand.
class Rounding : public torch::autograd::Function<Rounding> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& weight,
                            const at::Tensor& values) {
    context->saved_data["type"] = weight.scalar_type();
    // A handle of its own takes the place in the graph; a later write is still noticed.
    return values.tensor_data();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    return {gradients[0].to(context->saved_data["type"].toScalarType()), {}};
  }
};

}  // namespace

const at::Tensor& RoundedWeight::values(at::ScalarType type) {
  HGNN_MOE_ASSERT(!values_.defined() || values_.scalar_type() == type, "{} and {} of one weight",
                  c10::toString(values_.scalar_type()), c10::toString(type));
  if (values_.defined() && version_ == weight_._version()) return values_;
  const c10::NoGradGuard no_grad;
  if (values_.defined()) {
    values_.copy_(weight_);
  } else {
    values_ = weight_.detach().to(type);
  }
  mark_as_current();
  return values_;
}

void RoundedWeight::keep_in(at::Tensor memory) {
  HGNN_MOE_ASSERT(memory.sizes() == weight_.sizes(), "{} elements for {}", memory.numel(),
                  weight_.numel());
  values_ = std::move(memory);
  version_ = -1;
}

at::Tensor RoundedWeight::to_update() const {
  return values_.defined() && version_ == weight_._version() ? values_ : at::Tensor();
}

void RoundedWeight::mark_as_current() { version_ = weight_._version(); }

at::Tensor in_type(const at::Tensor& weight, const RoundedWeightPtr& rounded, at::ScalarType type) {
  if (rounded == nullptr || weight.scalar_type() == type) return weight.to(type);
  return Rounding::apply(weight, rounded->values(type));
}

}  // namespace hgnn_moe::ops
