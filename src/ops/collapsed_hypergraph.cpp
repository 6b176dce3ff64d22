#include "hgnn_moe/ops/collapsed_hypergraph.h"

#include <vector>

#include <ATen/ATen.h>

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

}  // namespace hgnn_moe::ops
