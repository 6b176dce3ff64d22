#include "coupling_device.h"

#include <ATen/ATen.h>

#include "hgnn_moe/ops/coupling_kernels.h"
#include "hgnn_moe/ops/cuda_device.h"

namespace hgnn_moe::ops {

namespace {

// What a block of the CUDA kernels needs of shared memory grows with the square of the experts. So
// many, of float32 or bfloat16, fit on every device from compute capability 8.0 on (99 KiB); twice
// as many, or float64, on those with 200 KiB (9.0 and 10.0).
constexpr std::int64_t kExpertsOnCuda = 32;
constexpr std::int64_t kMostFeaturesOnCuda = 4096;

}  // namespace

bool has_coupling_kernels(c10::Device device, c10::ScalarType type,
                          [[maybe_unused]] std::int64_t experts,
                          [[maybe_unused]] std::int64_t features) {
  if (device.is_cpu()) return has_kernel_type(type);
#ifdef HGNN_MOE_CUDA
  if (!device.is_cuda() || !has_kernel_type(type) || experts < 1) return false;
  if (features > kMostFeaturesOnCuda) return false;
  const bool is_double = type == at::kDouble;
  if (experts <= kExpertsOnCuda && !is_double) return true;
  return experts <= (is_double ? kExpertsOnCuda : 2 * kExpertsOnCuda) &&
         cuda_shared_memory(device.index()) >= 200 * 1024;
#else
  return false;
#endif
}

bool has_coupling_kernel(const at::Tensor& x, std::int64_t experts) {
  return has_coupling_kernels(x.device(), x.scalar_type(), experts, x.size(2));
}

at::Tensor sum_of_blocks(const at::Tensor& blocks) {
  return blocks.sum(0, /*keepdim=*/false, at::kDouble).to(blocks.scalar_type());
}

void check_beside(const at::Tensor& tensor, const char* name, const at::Tensor& x,
                  const char* operation) {
  TORCH_CHECK_VALUE(at::isFloatingType(tensor.scalar_type()) && tensor.device() == x.device(),
                    operation, ": ", name, " is ", tensor.scalar_type(), " on ", tensor.device(),
                    ", it needs a floating type on ", x.device(), ", where x is");
  TORCH_CHECK_VALUE(at::isFloatingType(x.scalar_type()), operation, ": x is ", x.scalar_type(),
                    ", it needs a floating type");
}

}  // namespace hgnn_moe::ops
