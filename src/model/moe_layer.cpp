#include "hgnn_moe/model/moe_layer.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <fmt/format.h>

#include "hgnn_moe/model/profile_scopes.h"

namespace hgnn_moe {

MoeLayer::MoeLayer(ParameterStore& store, const ModelConfig& config, std::int64_t layer,
                   const CouplerExecution& execution) {
  const std::string name = fmt::format("model_layers.{}", layer);
  for (std::int64_t e = 0; e < config.num_experts; ++e) {
    experts_.emplace_back(store, fmt::format("{}.experts.{}", name, e), config, layer, e);
  }
  if (config.coupler_type != CouplerType::none) {
    coupler_ = make_coupler(store, name + ".coupler", config, layer, execution);
  }
}

at::Tensor MoeLayer::run_experts(const at::Tensor& x_BTD, const ForwardContext& context) const {
  RECORD_USER_SCOPE(profile_scope::kExperts);
  std::vector<at::Tensor> outputs;
  outputs.reserve(experts_.size());
  for (const Expert& expert : experts_) outputs.push_back(expert.forward(x_BTD, context));
  return at::stack(outputs, 2);
}

at::Tensor MoeLayer::forward(const at::Tensor& x_BTD, const ForwardContext& context) const {
  const at::Tensor experts_BTED = run_experts(x_BTD, context);
  RECORD_USER_SCOPE(profile_scope::kCoupler);
  if (coupler_ == nullptr) return experts_BTED.mean(2);
  const auto tokens = x_BTD.size(0) * x_BTD.size(1);
  const at::Tensor experts_NED =
      experts_BTED.view({tokens, experts_BTED.size(2), experts_BTED.size(3)});
  const at::Tensor input_ND = x_BTD.reshape({tokens, x_BTD.size(2)});
  return x_BTD + coupler_->forward(experts_NED, input_ND, context).view(x_BTD.sizes());
}

}  // namespace hgnn_moe
