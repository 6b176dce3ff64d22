#include "hgnn_moe/ops/expert_mix.h"

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

at::Tensor expert_mix(const at::Tensor& mixing, const at::Tensor& x_NED) {
  const auto num_tokens = x_NED.size(0);
  const auto num_experts = x_NED.size(1);
  HGNN_MOE_ASSERT(mixing.size(-1) == num_experts && mixing.size(-2) == num_experts,
                  "mixing of {} experts for {} experts", mixing.size(-1), num_experts);
  const at::Tensor k = mixing.to(x_NED.scalar_type());
  // bmm reads an expanded matrix with stride 0; matmul(K, X) would copy X under autograd.
  return at::bmm(k.dim() == 2 ? k.expand({num_tokens, num_experts, num_experts}) : k, x_NED);
}

}  // namespace hgnn_moe::ops
