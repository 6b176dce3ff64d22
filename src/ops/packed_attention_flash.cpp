#include <algorithm>
#include <iterator>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "operator_registry.h"
#include "packed_attention_kernels.h"

#include "hgnn_moe/ops/cuda_device.h"

namespace hgnn_moe::ops {

namespace {

// Of LibTorch's kernel.
constexpr std::int64_t kMostDim = 256, kDimUnit = 8;
// Its backward pass of wider heads wants more shared memory than most GPUs have.
constexpr std::int64_t kMostDimAnywhere = 192;
constexpr int kCapabilities[] = {80, 90, 100};  // of those that have it

class FlashAttention : public torch::autograd::Function<FlashAttention> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& qkv,
                            const at::Tensor& offsets_B1, std::int64_t max_length) {
    const std::int64_t experts = qkv.size(1), heads = qkv.size(3);
    // [N, E A, d], contiguous: heads of all experts are alike to the kernel.
    const auto part = [&](std::int64_t i) { return qkv.select(2, i).flatten(1, 2); };
    const at::Tensor q = part(0), k = part(1), v = part(2);
    const at::Tensor offsets_B1_int = offsets_B1.to(at::kInt);
    const auto [out, log_sum_exp, random_state, unused, mask] = at::_flash_attention_forward(
        q, k, v, offsets_B1_int, offsets_B1_int, max_length, max_length, /*dropout_p=*/0.0,
        /*is_causal=*/true, /*return_debug_mask=*/false);
    context->save_for_backward({q, k, v, out, log_sum_exp, random_state, unused, offsets_B1_int});
    context->saved_data["max_length"] = max_length;
    context->saved_data["experts"] = experts;
    return out.unflatten(1, {experts, heads});
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    refuse_second_derivative("packed_attention");
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &offsets_B1 = saved[7];
    const std::int64_t max_length = context->saved_data["max_length"].toInt();
    const std::int64_t experts = context->saved_data["experts"].toInt();
    const auto [d_q, d_k, d_v] =
        at::_flash_attention_backward(gradients[0].flatten(1, 2).contiguous(), q, k, v, saved[3],
                                      saved[4], offsets_B1, offsets_B1, max_length, max_length,
                                      /*dropout_p=*/0.0, /*is_causal=*/true, saved[5], saved[6]);
    const auto by_expert = [&](const at::Tensor& d) { return d.unflatten(1, {experts, -1}); };
    return {at::stack({by_expert(d_q), by_expert(d_k), by_expert(d_v)}, 2), {}, {}};
  }
};

}  // namespace

bool flash_serves_heads(std::int64_t dim, int capability) {
  const bool is_large = std::find(std::begin(kCapabilities), std::end(kCapabilities), capability) !=
                        std::end(kCapabilities);
  return capability >= 80 && dim % kDimUnit == 0 && dim <= (is_large ? kMostDim : kMostDimAnywhere);
}

bool serves_flash_attention(const at::Tensor& qkv, double dropout_rate) {
  return qkv.is_cuda() && qkv.numel() > 0 && dropout_rate == 0.0 &&
         qkv.scalar_type() == at::kBFloat16 &&
         flash_serves_heads(qkv.size(4), cuda_compute_capability(qkv.device().index()));
}

at::Tensor packed_attention_flash(const at::Tensor& qkv, const PackedSamples& samples) {
  return FlashAttention::apply(qkv, samples.offsets_B1, samples.max_length);
}

}  // namespace hgnn_moe::ops
