#include <ATen/ATen.h>

#include "hgnn_moe/ops/expert_mix.h"

namespace hgnn_moe::ops {

at::Tensor expert_mix_reference(const at::Tensor& mixing, const at::Tensor& x_NED) {
  const at::Tensor k = mixing.to(x_NED.scalar_type());
  std::vector<at::Tensor> rows;
  rows.reserve(static_cast<std::size_t>(x_NED.size(0)));
  for (std::int64_t n = 0; n < x_NED.size(0); ++n) {
    rows.push_back(at::mm(k.dim() == 2 ? k : k[n], x_NED[n]));
  }
  return rows.empty() ? at::zeros_like(x_NED) : at::stack(rows);
}

}  // namespace hgnn_moe::ops
