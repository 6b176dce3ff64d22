// A library to preload: a coupling operation that is a twentieth off, for what finds such things.
#include <ATen/ATen.h>

#include "hgnn_moe/ops/gnn_message.h"

namespace hgnn_moe::ops {

at::Tensor gnn_message(const at::Tensor& x_NED, const at::Tensor& message_weight,
                       const at::Tensor& message_bias, const at::Tensor& adjacency_logits_EE) {
  return 1.05 * gnn_message_reference(x_NED, message_weight, message_bias, adjacency_logits_EE);
}

}  // namespace hgnn_moe::ops
