#include "gnn_coupler.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/gnn_message.h"

namespace hgnn_moe {

GnnCoupler::GnnCoupler(ParameterStore& store, const std::string& name, const ModelConfig& config,
                       std::int64_t layer, CouplerPath path)
    : layer_(layer),
      num_experts_(config.num_experts),
      path_(path),
      layers_([&] {
        const std::int64_t d = config.embed_dim;
        std::vector<Layer> layers;
        for (std::int64_t g = 0; g < config.coupler_layers; ++g) {
          const std::string prefix = fmt::format("{}.gnn_layers_module.{}", name, g);
          Layer made;
          made.neighbor_transform =
              Linear::create(store, prefix + ".neighbor_transform", d, d, config.precision);
          made.self_transform =
              Linear::create(store, prefix + ".self_transform", d, d, config.precision);
          made.message_weight = store.add(prefix + ".message_weight.weight", {1, 2 * d},
                                          Initializer::normal(kWeightDeviation));
          made.message_bias =
              store.add(prefix + ".message_weight.bias", {1}, Initializer::constant(0.0));
          made.adjacency_logits_EE =
              store.add(prefix + ".adjacency_logits", {config.num_experts, config.num_experts},
                        Initializer::normal(1.0));
          layers.push_back(made);
        }
        return layers;
      }()),
      combiner_(store, name, config) {}

at::Tensor GnnCoupler::messages(const Layer& layer, const at::Tensor& x_NED) const {
  const auto compute =
      path_ == CouplerPath::batched ? ops::gnn_message : ops::gnn_message_reference;
  return compute(x_NED, layer.message_weight, layer.message_bias, layer.adjacency_logits_EE);
}

at::Tensor GnnCoupler::forward(const at::Tensor& experts_NED, const at::Tensor&,
                               const ForwardContext& context) const {
  at::Tensor x_NED = experts_NED;
  for (const Layer& layer : layers_) {
    if (context.graph_probe != nullptr) observe(layer, x_NED, *context.graph_probe);
    at::Tensor sum_NED = layer.self_transform(x_NED);
    if (num_experts_ > 1) sum_NED = sum_NED + layer.neighbor_transform(messages(layer, x_NED));
    x_NED = at::gelu(sum_NED) + x_NED;
  }
  return combiner_.forward(x_NED);
}

void GnnCoupler::observe(const Layer& layer, const at::Tensor& x_NED, GraphProbe& probe) const {
  const at::Tensor k_NEE = ops::gnn_message_matrix(x_NED, layer.message_weight, layer.message_bias,
                                                   layer.adjacency_logits_EE);
  probe.layer(layer_).mixing_EE.push_back(probe.sum(k_NEE));
}

CouplerState GnnCoupler::state() const {
  CouplerState state;
  for (const Layer& layer : layers_) {
    state.adjacency_EE.push_back(
        at::sigmoid(layer.adjacency_logits_EE.detach()).to(at::kCPU, at::kDouble));
  }
  return state;
}

}  // namespace hgnn_moe
