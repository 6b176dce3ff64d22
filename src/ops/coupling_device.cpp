#include "coupling_device.h"

#include <ATen/ATen.h>

namespace hgnn_moe::ops {

bool has_coupling_kernel(const at::Tensor& x, std::int64_t) { return has_cpu_kernel(x); }

void check_beside(const at::Tensor& tensor, const char* name, const at::Tensor& x,
                  const char* operation) {
  TORCH_CHECK_VALUE(at::isFloatingType(tensor.scalar_type()) && tensor.device() == x.device(),
                    operation, ": ", name, " is ", tensor.scalar_type(), " on ", tensor.device(),
                    ", it needs a floating type on ", x.device(), ", where x is");
  TORCH_CHECK_VALUE(at::isFloatingType(x.scalar_type()), operation, ": x is ", x.scalar_type(),
                    ", it needs a floating type");
}

}  // namespace hgnn_moe::ops
