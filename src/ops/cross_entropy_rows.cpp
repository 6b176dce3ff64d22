#include "cross_entropy_rows.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "cpu_launch.h"

namespace hgnn_moe::ops {

void cross_entropy_rows_aten(at::Tensor& products_KV, const at::Tensor& bias_V,
                             const at::Tensor& targets_K, const at::Tensor& weights_K,
                             bool gradient, at::Tensor& losses_K) {
  const at::Tensor log_p_KV = (products_KV.to(bias_V.scalar_type()) + bias_V).log_softmax(1);
  const at::Tensor targets_K1 = targets_K.unsqueeze(1);
  const at::Tensor weights =
      weights_K.defined() ? weights_K.unsqueeze(1) : at::ones({1, 1}, bias_V.options());
  losses_K.copy_((-weights * log_p_KV.gather(1, targets_K1)).squeeze(1));
  if (!gradient) return;
  const at::Tensor p_KV = log_p_KV.exp();
  const at::Tensor target_KV = at::zeros_like(p_KV).scatter(1, targets_K1, 1.0);
  products_KV.copy_(weights * (p_KV - target_KV));
}

void cross_entropy_rows(at::Tensor& products_KV, const at::Tensor& bias_V,
                        const at::Tensor& targets_K, const at::Tensor& weights_K, bool gradient,
                        at::Tensor& losses_K) {
  RECORD_FUNCTION("hgnn_moe::cross_entropy_rows", std::vector<c10::IValue>({products_KV}));
#ifdef HGNN_MOE_CUDA
  if (products_KV.is_cuda() && has_kernel_type(products_KV.scalar_type())) {
    return cross_entropy_rows_cuda(products_KV, bias_V, targets_K, weights_K, gradient, losses_K);
  }
#endif
  cross_entropy_rows_aten(products_KV, bias_V, targets_K, weights_K, gradient, losses_K);
}

std::int64_t logit_stride(std::int64_t vocabulary) {
  constexpr std::int64_t kUnit = 64;  // elements: 128 bytes of bfloat16
  return (vocabulary + kUnit - 1) / kUnit * kUnit;
}

}  // namespace hgnn_moe::ops
