#include "hgnn_moe/ops/random_fill.h"

#include <ATen/ATen.h>

#include "random_fill_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

void check(const at::Tensor& out) {
  const bool has_type = out.scalar_type() == at::kFloat || out.scalar_type() == at::kDouble;
  HGNN_MOE_ASSERT(has_type && out.is_cpu() && out.is_contiguous(), "cannot fill {} on {}",
                  c10::toString(out.scalar_type()), out.device().str());
}

}  // namespace

void random_fill(at::Tensor& out, const RandomFill& fill) {
  check(out);
  if (out.scalar_type() == at::kDouble) {
    random_fill_reference(out, fill);
  } else {
    random_fill_cpu(cpu_isa(), fill, out.numel(), out.mutable_data_ptr<float>());
  }
}

void random_fill_reference(at::Tensor& out, const RandomFill& fill) {
  check(out);
  if (out.scalar_type() == at::kDouble) {
    random_fill_loop(fill, 0, out.numel(), out.mutable_data_ptr<double>());
  } else {
    random_fill_loop(fill, 0, out.numel(), out.mutable_data_ptr<float>());
  }
}

}  // namespace hgnn_moe::ops
