#include "combiner.h"

#include <ATen/ATen.h>

namespace hgnn_moe {

Combiner::Combiner(ParameterStore& store, const std::string& name, const ModelConfig& config)
    : linear_(Linear::create(store, name + ".combiner.0", config.embed_dim, config.embed_dim,
                             config.precision)),
      norm_(LayerNorm::create(store, name + ".combiner.2", config.embed_dim)) {}

at::Tensor Combiner::forward(const at::Tensor& x_NED) const {
  return norm_(at::gelu(linear_(x_NED.mean(1))));
}

}  // namespace hgnn_moe
