#include "hgnn_moe/model/moe_layer.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <fmt/format.h>

#include "hgnn_moe/model/profile_scopes.h"

namespace hgnn_moe {

MoeLayer::MoeLayer(ParameterStore& store, const ModelConfig& config, std::int64_t layer,
                   const Execution& execution)
    : layer_(layer),
      experts_(store, fmt::format("model_layers.{}", layer), config, layer, execution.expert_path) {
  if (config.coupler_type != CouplerType::none) {
    const std::string name = fmt::format("model_layers.{}.coupler", layer);
    coupler_ = make_coupler(store, name, config, execution);
  }
}

at::Tensor MoeLayer::forward(const at::Tensor& x_ND, const ops::PackedSamples& samples,
                             const ForwardContext& context) const {
  const at::Tensor experts_NED = experts_.forward(x_ND, samples, context);
  if (context.observer != nullptr) (*context.observer)(layer_, experts_NED, x_ND);
  RECORD_USER_SCOPE(profile_scope::kCoupler);
  if (coupler_ == nullptr) return experts_NED.mean(1);
  return x_ND + coupler_->forward(experts_NED, x_ND);
}

}  // namespace hgnn_moe
