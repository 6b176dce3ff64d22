#include "hgnn_moe/ops/collapsed_hypergraph.h"

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/expert_mix.h"
#include "hgnn_moe/ops/linear.h"

namespace hgnn_moe::ops {

CollapsedMixing collapse_mixing(const at::Tensor& mixing, std::int64_t num_layers) {
  const auto num_experts = mixing.size(-1);
  std::vector<std::int64_t> shape = mixing.sizes().vec();
  shape.pop_back();
  at::Tensor a = at::full(shape, 1.0 / static_cast<double>(num_experts), mixing.options());
  std::vector<at::Tensor> sums;  // of a_0 ... a_{G-1}
  for (std::int64_t g = 0; g < num_layers; ++g) {
    sums.insert(sums.begin(), a.sum(-1));
    a = at::matmul(a.unsqueeze(-2), mixing).squeeze(-2);
  }
  return {a, at::stack(sums, -1)};
}

at::Tensor collapsed_hypergraph(const at::Tensor& x_NED, const at::Tensor& mixing,
                                const CollapsedLayers& layers, at::ScalarType product_type) {
  const auto num_layers = static_cast<std::int64_t>(layers.thetas_DD.size());
  HGNN_MOE_ASSERT(num_layers > 0 && layers.biases_D.size() == layers.thetas_DD.size(),
                  "{} matrices and {} biases", num_layers, layers.biases_D.size());
  HGNN_MOE_ASSERT(layers.out_weight_DD.defined() == layers.out_bias_D.defined(),
                  "a Linear needs both its weight and its bias");
  const CollapsedMixing whole = collapse_mixing(mixing, num_layers);
  at::Tensor m_ND = expert_readout(whole.readout, x_NED);
  // [1] or, with a mixing per token, [N, 1]: the size that a layer's bias has reached.
  const auto scale = [&](std::int64_t g) { return whole.bias_scales.narrow(-1, g, 1); };
  if (!layers.out_weight_DD.defined() || m_ND.size(0) <= m_ND.size(1)) {
    for (std::int64_t g = 0; g < num_layers; ++g) {
      const at::Tensor bias = (scale(g) * layers.biases_D[g]).to(m_ND.scalar_type());
      m_ND = linear(m_ND, layers.thetas_DD[g], {}, product_type) + bias;
    }
    if (!layers.out_weight_DD.defined()) return m_ND;
    return linear(m_ND, layers.out_weight_DD, layers.out_bias_D, product_type);
  }
  at::Tensor product_DD = layers.out_weight_DD;
  at::Tensor bias = layers.out_bias_D;  // [D] or [N, D]
  for (std::int64_t g = num_layers; g-- > 0;) {
    bias = bias + scale(g) * at::mv(product_DD, layers.biases_D[g]);
    product_DD = at::mm(product_DD, layers.thetas_DD[g]);
  }
  bias = bias.to(m_ND.scalar_type());  // its scales are float32 beside bfloat16
  if (bias.dim() == 1) return linear(m_ND, product_DD, bias, product_type);
  return linear(m_ND, product_DD, {}, product_type) + bias;
}

}  // namespace hgnn_moe::ops
