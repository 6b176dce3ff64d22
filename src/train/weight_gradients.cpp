#include "weight_gradients.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

HyperedgeWeightGradients::HyperedgeWeightGradients(const LanguageModel& model) {
  if (!model.config().has_hyperedge_weights()) return;
  layers_ = model.config().num_layers;
  for (const NamedParameter& parameter : model.parameters()) {
    const bool is_weight = parameter.name.find(".coupler.hyperedge_weight") != std::string::npos;
    if (is_weight) parameters_.push_back(parameter.tensor);
  }
}

at::Tensor HyperedgeWeightGradients::norms() const {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& parameter : parameters_) {
    HGNN_MOE_ASSERT(parameter.grad().defined(), "{} gradients before a hyperedge weight without",
                    gradients.size());
    gradients.push_back(parameter.grad());
  }
  const at::Tensor norms_LK = at::stack(at::_foreach_norm(gradients, 2)).view({layers_, -1});
  return at::linalg_vector_norm(norms_LK, 2, at::IntArrayRef{1});
}

}  // namespace hgnn_moe
