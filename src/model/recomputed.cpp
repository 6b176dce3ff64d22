#include "recomputed.h"

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace hgnn_moe {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Call : torch::CustomClassHolder {
  explicit Call(std::function<at::Tensor(const at::Tensor&)> f) : f(std::move(f)) {}
  std::function<at::Tensor(const at::Tensor&)> f;
};

class Recomputed : public torch::autograd::Function<Recomputed> {
 public:
  // inputs: x, then the parameters.
  static at::Tensor forward(AutogradContext* context, const c10::intrusive_ptr<Call>& call,
                            at::TensorList inputs) {
    context->save_for_backward(inputs.vec());
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    return call->f(inputs[0]);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto capsule = context->saved_data["call"].toCapsule();
    const auto* call = static_cast<const Call*>(capsule.get());
    variable_list inputs = context->get_saved_variables();
    const at::AutoGradMode enabled(true);
    // Its own graph starts at x; the parameters are leaves already.
    inputs[0] = inputs[0].detach().requires_grad_();
    const at::Tensor output = call->f(inputs[0]);
    variable_list result = torch::autograd::grad({output}, inputs, {gradients[0]},
                                                 /*retain_graph=*/false, /*create_graph=*/false,
                                                 /*allow_unused=*/true);
    result.insert(result.begin(), at::Tensor());  // of the call
    return result;
  }
};

}  // namespace

at::Tensor recomputed(const std::function<at::Tensor(const at::Tensor& x)>& f, const at::Tensor& x,
                      const std::vector<at::Tensor>& parameters) {
  variable_list inputs{x};
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  return Recomputed::apply(c10::make_intrusive<Call>(f), at::TensorList(inputs));
}

}  // namespace hgnn_moe
