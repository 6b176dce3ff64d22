#include "expert_products.h"

#include <ATen/ATen.h>

#include "wide_product.h"

namespace hgnn_moe::ops {

namespace {

// A GPU computes all experts in one batched product, which takes rows with gaps as they are; on a
// CPU that would copy them.
bool is_batched(const at::Tensor& x) { return x.is_cuda(); }

}  // namespace

at::Tensor batched_expert_products(const at::Tensor& x_NEI, const at::Tensor& weight_EIO) {
  const at::Tensor y_NEO =
      at::empty({x_NEI.size(0), x_NEI.size(1), weight_EIO.size(2)}, x_NEI.options());
  at::Tensor y_ENO = y_NEO.transpose(0, 1);
  at::bmm_out(y_ENO, x_NEI.transpose(0, 1), weight_EIO);
  return y_NEO;
}

at::Tensor batched_expert_weight_gradient(const at::Tensor& d_y_NEO, const at::Tensor& x_NEI,
                                          at::ScalarType type) {
  return wide_bmm(d_y_NEO.permute({1, 2, 0}), x_NEI.transpose(0, 1), type);
}

at::Tensor expert_products(const at::Tensor& x_NEI, const at::Tensor& weight_EOI) {
  if (is_batched(x_NEI)) return batched_expert_products(x_NEI, weight_EOI.transpose(1, 2));
  const std::int64_t tokens = x_NEI.size(0), experts = weight_EOI.size(0);
  const at::Tensor y_NEO = at::empty({tokens, experts, weight_EOI.size(1)}, x_NEI.options());
  for (std::int64_t e = 0; e < experts; ++e) {
    at::Tensor y_NO = y_NEO.select(1, e);
    at::mm_out(y_NO, x_NEI.select(1, e), weight_EOI[e].t());
  }
  return y_NEO;
}

at::Tensor expert_products_input_gradient(const at::Tensor& d_y_NEO, const at::Tensor& weight_EOI) {
  if (is_batched(d_y_NEO)) return batched_expert_products(d_y_NEO, weight_EOI);
  const std::int64_t tokens = d_y_NEO.size(0), experts = weight_EOI.size(0);
  const at::Tensor d_x_NEI = at::empty({tokens, experts, weight_EOI.size(2)}, d_y_NEO.options());
  for (std::int64_t e = 0; e < experts; ++e) {
    at::Tensor d_x_NI = d_x_NEI.select(1, e);
    at::mm_out(d_x_NI, d_y_NEO.select(1, e), weight_EOI[e]);
  }
  return d_x_NEI;
}

at::Tensor expert_products_weight_gradient(const at::Tensor& d_y_NEO, const at::Tensor& x_NEI,
                                           at::ScalarType type) {
  if (is_batched(x_NEI)) return batched_expert_weight_gradient(d_y_NEO, x_NEI, type);
  const std::int64_t experts = x_NEI.size(1);
  const at::Tensor d_weight_EOI =
      at::empty({experts, d_y_NEO.size(2), x_NEI.size(2)}, x_NEI.options().dtype(type));
  for (std::int64_t e = 0; e < experts; ++e) {
    const at::Tensor d_y_ON = d_y_NEO.select(1, e).t(), x_NI = x_NEI.select(1, e);
    at::Tensor d_weight_OI = d_weight_EOI[e];
    if (type == x_NEI.scalar_type()) {
      at::mm_out(d_weight_OI, d_y_ON, x_NI);
    } else {
      d_weight_OI.copy_(at::mm(d_y_ON, x_NI));
    }
  }
  return d_weight_EOI;
}

}  // namespace hgnn_moe::ops
