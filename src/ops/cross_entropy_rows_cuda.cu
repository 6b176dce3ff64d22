#include <ATen/ATen.h>

#include "cross_entropy_launch.h"
#include "cross_entropy_rows.h"
#include "cuda/launch.cuh"

namespace hgnn_moe::ops {

void cross_entropy_rows_cuda(at::Tensor& products_KV, const at::Tensor& bias_V,
                             const at::Tensor& targets_K, const at::Tensor& weights_K,
                             bool gradient, at::Tensor& losses_K) {
  cuda::GpuLauncher launcher(products_KV.device());
  cuda::launch_cross_entropy_rows(products_KV, bias_V, targets_K, weights_K, gradient, losses_K,
                                  launcher);
}

}  // namespace hgnn_moe::ops
