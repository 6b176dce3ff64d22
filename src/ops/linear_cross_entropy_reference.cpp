#include <ATen/ATen.h>

#include "hgnn_moe/ops/linear_cross_entropy.h"

namespace hgnn_moe::ops {

at::Tensor linear_cross_entropy_reference(const LinearCrossEntropyInputs& in, double scale) {
  const at::Tensor product_KV =
      at::linear(in.hidden_KD.to(in.products), in.weight_VD.to(in.products));
  const at::Tensor logits_KV = product_KV.to(in.hidden_KD.scalar_type()) + in.bias_V;
  const at::Tensor losses_K =
      at::cross_entropy_loss(logits_KV, in.targets_K, /*weight=*/{}, at::Reduction::None);
  return (in.weights_K.defined() ? losses_K * in.weights_K : losses_K).sum() * scale;
}

}  // namespace hgnn_moe::ops
