#include "wide_product.h"

#include <ATen/ATen.h>

namespace hgnn_moe::ops {

at::Tensor wide_mm(const at::Tensor& a, const at::Tensor& b, at::ScalarType type) {
  if (a.is_cuda() && a.scalar_type() != type) return at::mm(a, b, type);
  return at::mm(a, b).to(type);
}

at::Tensor wide_bmm(const at::Tensor& a, const at::Tensor& b, at::ScalarType type) {
  if (a.is_cuda() && a.scalar_type() != type) return at::bmm(a, b, type);
  return at::bmm(a, b).to(type);
}

void add_wide_mm(at::Tensor& sum, const at::Tensor& a, const at::Tensor& b, double factor) {
  if (a.scalar_type() == sum.scalar_type()) {
    sum.addmm_(a, b, 1, factor);
  } else if (a.is_cuda()) {
    at::addmm_out(sum, sum, a, b, sum.scalar_type(), 1, factor);
  } else {
    sum.add_(at::mm(a, b), factor);
  }
}

}  // namespace hgnn_moe::ops
