#include "hgnn_moe/ops/linear.h"

#include <ATen/ATen.h>

namespace hgnn_moe::ops {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  at::ScalarType products, const RoundedWeightPtr& rounded) {
  if (products == x.scalar_type()) return at::linear(x, weight, bias);
  const at::Tensor product =
      at::linear(x.to(products), in_type(weight, rounded, products)).to(x.scalar_type());
  return bias.defined() ? product + bias : product;
}

}  // namespace hgnn_moe::ops
