#include "hgnn_moe/model/expert.h"

#include <ATen/ATen.h>

#include "hgnn_moe/ops/causal_attention.h"

namespace hgnn_moe {

Expert::Expert(ParameterStore& store, const std::string& name, const ModelConfig& config,
               std::int64_t layer, std::int64_t index)
    : num_heads_(config.num_heads), layer_(layer), index_(index) {
  const std::int64_t d = config.embed_dim;
  in_projection_.weight =
      store.add(name + ".attention.in_proj_weight", {3 * d, d}, Initializer::glorot(d, 3 * d));
  in_projection_.rounded = store.list().back().rounded;
  in_projection_.bias =
      store.add(name + ".attention.in_proj_bias", {3 * d}, Initializer::constant(0.0));
  in_projection_.precision = config.precision;
  out_projection_ = Linear::create(store, name + ".attention.out_proj", d, d, config.precision);
  norm1_ = LayerNorm::create(store, name + ".norm1", d);
  norm2_ = LayerNorm::create(store, name + ".norm2", d);
  expand_ = Linear::create(store, name + ".ffn.0", d, 4 * d, config.precision);
  contract_ = Linear::create(store, name + ".ffn.3", 4 * d, d, config.precision);
}

at::Tensor Expert::forward(const at::Tensor& x_BTD, const at::Tensor& sample_indices_B,
                           const ForwardContext& context) const {
  const at::Tensor h_BTD = x_BTD + attend(norm1_(x_BTD), sample_indices_B, context);
  return h_BTD + feed_forward(norm2_(h_BTD), sample_indices_B, context);
}

at::Tensor Expert::attend(const at::Tensor& x_BTD, const at::Tensor& sample_indices_B,
                          const ForwardContext& context) const {
  const auto batch = x_BTD.size(0), length = x_BTD.size(1), dim = x_BTD.size(2);
  const at::Tensor qkv_3BATd = in_projection_(x_BTD)
                                   .view({batch, length, 3, num_heads_, dim / num_heads_})
                                   .permute({2, 0, 3, 1, 4});
  const at::Tensor heads_BATd = ops::causal_attention(
      qkv_3BATd[0], qkv_3BATd[1], qkv_3BATd[2],
      context.dropout(layer_, index_, DropoutPlace::attention), sample_indices_B);
  return out_projection_(heads_BATd.transpose(1, 2).reshape({batch, length, dim}));
}

at::Tensor Expert::feed_forward(const at::Tensor& x_BTD, const at::Tensor& sample_indices_B,
                                const ForwardContext& context) const {
  const at::Tensor hidden = ops::counter_dropout(
      at::gelu(expand_(x_BTD)), context.dropout(layer_, index_, DropoutPlace::ffn_hidden),
      sample_indices_B);
  return ops::counter_dropout(contract_(hidden),
                              context.dropout(layer_, index_, DropoutPlace::ffn_output),
                              sample_indices_B);
}

}  // namespace hgnn_moe
