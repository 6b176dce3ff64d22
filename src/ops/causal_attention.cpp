#include "hgnn_moe/ops/causal_attention.h"

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const DropoutStream& dropout, const at::Tensor& sample_indices_B) {
  HGNN_MOE_ASSERT(q.dim() == 4 && q.sizes() == k.sizes() && q.sizes() == v.sizes(),
                  "attention over {} dimensions", q.dim());
  if (dropout.rate == 0.0) {
    return at::scaled_dot_product_attention(q, k, v, /*attn_mask=*/{}, /*dropout_p=*/0.0,
                                            /*is_causal=*/true);
  }
  return causal_attention_reference(q, k, v, dropout, sample_indices_B);
}

}  // namespace hgnn_moe::ops
