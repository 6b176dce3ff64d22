#include "cross_entropy_rows.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "cpu_launch.h"
#include "wide_product.h"

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

CrossEntropyPass cross_entropy_by_rows(const LinearCrossEntropyInputs& in, double scale,
                                       bool gradients) {
  const std::int64_t rows = in.hidden_KD.size(0), vocabulary = in.weight_VD.size(0);
  const at::ScalarType state = in.hidden_KD.scalar_type();
  const at::Tensor weight_VD =
      in.rounded_weight_VD.defined() ? in.rounded_weight_VD : in.weight_VD.to(in.products);
  const std::int64_t stride = logit_stride(vocabulary);
  const std::int64_t chunk = logit_rows(rows, stride * weight_VD.element_size(), in.logit_bytes);
  const at::Tensor buffer_kV =
      at::empty({chunk, stride}, weight_VD.options()).narrow(1, 0, vocabulary);
  CrossEntropyPass pass;
  pass.losses_K = at::empty({rows}, in.hidden_KD.options());
  if (gradients) {
    pass.d_hidden_KD = at::empty_like(in.hidden_KD);
    pass.d_weight_VD = at::zeros_like(in.weight_VD);
    pass.d_bias_V = at::zeros_like(in.bias_V);
  }
  for (std::int64_t first = 0; first < rows; first += chunk) {
    const std::int64_t count = std::min(chunk, rows - first);
    const auto part = [&](const at::Tensor& x) {
      return x.defined() ? x.narrow(0, first, count) : x;
    };
    const at::Tensor x_kD = part(in.hidden_KD).to(in.products);
    at::Tensor logits_kV = buffer_kV.narrow(0, 0, count), losses_k = part(pass.losses_K);
    at::mm_out(logits_kV, x_kD, weight_VD.t());
    cross_entropy_rows(logits_kV, in.bias_V, part(in.targets_K), part(in.weights_K), gradients,
                       losses_k);
    if (!gradients) continue;
    pass.d_bias_V.add_(logits_kV.sum(0, /*keepdim=*/false, state), scale);
    part(pass.d_hidden_KD).copy_(wide_mm(logits_kV, weight_VD, state));
    add_wide_mm(pass.d_weight_VD, logits_kV.t(), x_kD, scale);
  }
  if (gradients && scale != 1.0) pass.d_hidden_KD.mul_(scale);
  return pass;
}

}  // namespace hgnn_moe::ops
