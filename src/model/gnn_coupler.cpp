#include "gnn_coupler.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "token_chunks.h"

#include "hgnn_moe/ops/gnn_message.h"
#include "hgnn_moe/ops/gnn_update.h"

namespace hgnn_moe {

GnnCoupler::GnnCoupler(ParameterStore& store, const std::string& name, const ModelConfig& config,
                       const Execution& execution)
    : num_experts_(config.num_experts),
      execution_(execution),
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
  const auto compute = execution_.coupler_path == CouplerPath::sequential
                           ? ops::gnn_message_reference
                           : ops::gnn_message;
  return compute(x_NED, layer.message_weight, layer.message_bias, layer.adjacency_logits_EE);
}

at::Tensor GnnCoupler::update(const Layer& layer, const at::Tensor& x_NED) const {
  const Linear &self = layer.self_transform, &neighbor = layer.neighbor_transform;
  if (num_experts_ == 1) return at::gelu(self(x_NED)) + x_NED;
  const at::Tensor message_NED = messages(layer, x_NED);
  if (execution_.coupler_path != CouplerPath::sequential && self.precision != Precision::bf16) {
    return ops::gnn_update(x_NED, message_NED, self.weight, self.bias, neighbor.weight,
                           neighbor.bias);
  }
  return at::gelu(self(x_NED) + neighbor(message_NED)) + x_NED;
}

// x_NED through all layers, and the mean over experts. `parameters` are those of
// flat_parameters().
at::Tensor GnnCoupler::mean(const at::Tensor& experts_NED,
                            const std::vector<at::Tensor>& parameters) const {
  at::Tensor x_NED = experts_NED;
  for (std::size_t g = 0; g < layers_.size(); ++g) x_NED = update(layer_of(g, parameters), x_NED);
  return mean_over_experts(x_NED);
}

at::Tensor GnnCoupler::forward(const at::Tensor& experts_NED, const at::Tensor&) const {
  const auto all_layers = [this](const std::vector<at::Tensor>& tokens,
                                 const std::vector<at::Tensor>& shared) {
    return mean(tokens.front(), shared);
  };
  const std::int64_t chunk =
      execution_.coupler_path == CouplerPath::sequential ? 0 : execution_.coupler_chunk;
  return combiner_.forward_mean(run_in_chunks(all_layers, {experts_NED}, flat_parameters(), chunk));
}

std::vector<at::Tensor> GnnCoupler::flat_parameters() const {
  std::vector<at::Tensor> flat;
  for (const Layer& layer : layers_) {
    for (const at::Tensor& parameter :
         {layer.neighbor_transform.weight, layer.neighbor_transform.bias,
          layer.self_transform.weight, layer.self_transform.bias, layer.message_weight,
          layer.message_bias, layer.adjacency_logits_EE}) {
      flat.push_back(parameter);
    }
  }
  return flat;
}

GnnCoupler::Layer GnnCoupler::layer_of(std::size_t index,
                                       const std::vector<at::Tensor>& flat) const {
  const at::Tensor* p = &flat[7 * index];
  const Linear &neighbor = layers_[index].neighbor_transform, &self = layers_[index].self_transform;
  return {{p[0], p[1], neighbor.precision, neighbor.rounded},
          {p[2], p[3], self.precision, self.rounded},
          p[4],
          p[5],
          p[6]};
}

CouplerTrace GnnCoupler::trace(const at::Tensor& experts_NED, const at::Tensor&) const {
  const c10::NoGradGuard no_grad;
  CouplerTrace trace;
  trace.features_NED = experts_NED;
  for (const Layer& layer : layers_) {
    at::Tensor& x_NED = trace.features_NED;
    const at::Tensor k_NEE = ops::gnn_message_matrix(x_NED, layer.message_weight,
                                                     layer.message_bias, layer.adjacency_logits_EE);
    trace.mixing_EE.push_back(k_NEE.mean(0, /*keepdim=*/false, at::kDouble).cpu());
    trace.adjacency_EE.push_back(at::sigmoid(layer.adjacency_logits_EE).to(at::kCPU, at::kDouble));
    x_NED = update(layer, x_NED);
  }
  return trace;
}

}  // namespace hgnn_moe
