#include "combiner.h"

#include <ATen/ATen.h>

#include "hgnn_moe/ops/expert_mix.h"

namespace hgnn_moe {

Combiner::Combiner(ParameterStore& store, const std::string& name, const ModelConfig& config)
    : linear_(Linear::create(store, name + ".combiner.0", config.embed_dim, config.embed_dim,
                             config.precision)),
      norm_(LayerNorm::create(store, name + ".combiner.2", config.embed_dim)) {}

at::Tensor mean_over_experts(const at::Tensor& x_NED) {
  const auto experts = x_NED.size(1);
  const at::TensorOptions options =
      x_NED.options().dtype(x_NED.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  return ops::expert_readout(at::full({experts}, 1.0 / static_cast<double>(experts), options),
                             x_NED);
}

at::Tensor Combiner::forward(const at::Tensor& x_NED) const {
  return forward_mean(mean_over_experts(x_NED));
}

at::Tensor Combiner::forward_mean(const at::Tensor& mean_ND) const {
  return finish(linear_(mean_ND));
}

at::Tensor Combiner::finish(const at::Tensor& z_ND) const { return norm_(at::gelu(z_ND)); }

}  // namespace hgnn_moe
