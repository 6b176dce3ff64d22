#include "combiner.h"

#include <ATen/ATen.h>

namespace hgnn_moe {

Combiner::Combiner(ParameterStore& store, const std::string& name, const ModelConfig& config)
    : linear_(Linear::create(store, name + ".combiner.0", config.embed_dim, config.embed_dim,
                             config.precision)),
      norm_(LayerNorm::create(store, name + ".combiner.2", config.embed_dim)) {}

at::Tensor Combiner::forward(const at::Tensor& x_NED) const { return forward_mean(x_NED.mean(1)); }

at::Tensor Combiner::forward_mean(const at::Tensor& mean_ND) const {
  return finish(linear_(mean_ND));
}

at::Tensor Combiner::finish(const at::Tensor& z_ND) const { return norm_(at::gelu(z_ND)); }

}  // namespace hgnn_moe
