#include <ATen/ATen.h>

#include "hgnn_moe/ops/gnn_message.h"

namespace hgnn_moe::ops {

at::Tensor gnn_message_reference(const at::Tensor& x_NED, const at::Tensor& message_weight,
                                 const at::Tensor& message_bias,
                                 const at::Tensor& adjacency_logits_EE) {
  std::vector<at::Tensor> tokens;
  for (std::int64_t n = 0; n < x_NED.size(0); ++n) {
    const at::Tensor x_ED = x_NED[n];
    std::vector<at::Tensor> messages;
    for (std::int64_t i = 0; i < x_ED.size(0); ++i) {
      at::Tensor message = at::zeros_like(x_ED[i]);
      for (std::int64_t j = 0; j < x_ED.size(0); ++j) {
        if (j == i) continue;
        const at::Tensor pair = at::cat({x_ED[i], x_ED[j]});
        const at::Tensor gate = at::sigmoid(at::dot(message_weight[0], pair) + message_bias[0]);
        message = message + at::sigmoid(adjacency_logits_EE[i][j]) * gate * x_ED[j];
      }
      messages.push_back(message);
    }
    tokens.push_back(at::stack(messages));
  }
  return tokens.empty() ? at::zeros_like(x_NED) : at::stack(tokens);
}

}  // namespace hgnn_moe::ops
