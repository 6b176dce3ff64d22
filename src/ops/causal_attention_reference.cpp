#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include "hgnn_moe/ops/causal_attention.h"

namespace hgnn_moe::ops {

at::Tensor causal_attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                      const DropoutStream& dropout,
                                      const at::Tensor& sample_indices_B) {
  const auto length = q.size(2);
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  const at::Tensor future_TT = at::ones({length, length}, q.options().dtype(at::kBool)).triu(1);
  const at::Tensor scores_BATT =
      at::matmul(q * scale, k.transpose(2, 3))
          .masked_fill(future_TT, -std::numeric_limits<double>::infinity());
  const at::Tensor probabilities_BATT = at::softmax(scores_BATT, -1);
  return at::matmul(counter_dropout(probabilities_BATT, dropout, sample_indices_B), v);
}

}  // namespace hgnn_moe::ops
