#include "hgnn_moe/ops/packed_attention.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "cpu_launch.h"
#include "operator_registry.h"
#include "packed_attention_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

void check(const at::Tensor& qkv, const PackedSamples& samples, const AttentionDropout& dropout) {
  HGNN_MOE_ASSERT(qkv.dim() == 5 && qkv.size(2) == 3 && qkv.size(4) > 0 && qkv.is_contiguous(),
                  "attention over {} dimensions, it needs contiguous [N, E, 3, A, d]", qkv.dim());
  HGNN_MOE_ASSERT(qkv.size(0) == samples.num_tokens() && samples.samples_N.size(0) == qkv.size(0),
                  "{} tokens where the samples hold {}", qkv.size(0), samples.num_tokens());
  HGNN_MOE_ASSERT(
      samples.positions_N.device() == qkv.device() && samples.samples_N.device() == qkv.device(),
      "samples on {} for tokens on {}", samples.positions_N.device().str(), qkv.device().str());
  HGNN_MOE_ASSERT(dropout.rate >= 0.0 && dropout.rate < 1.0, "rate {}", dropout.rate);
  HGNN_MOE_ASSERT(dropout.rate == 0.0 || (dropout.keys_E.numel() == qkv.size(1) &&
                                          dropout.keys_E.device() == qkv.device()),
                  "{} dropout keys for {} experts", dropout.keys_E.numel(), qkv.size(1));
}

// For profiles, which PyTorch's dispatcher tells nothing of this operation: beside its tensors the
// sum of T^2 over the samples, which no shape tells. A profiler keeps the values of lists alone.
std::vector<c10::IValue> recorded(std::vector<c10::IValue> tensors, const PackedSamples& samples) {
  const auto* offsets = samples.offsets_B1.const_data_ptr<std::int64_t>();
  std::int64_t squares = 0;
  for (std::int64_t b = 0; b < samples.num_samples(); ++b) {
    const std::int64_t length = offsets[b + 1] - offsets[b];
    squares += length * length;
  }
  tensors.emplace_back(std::vector<std::int64_t>{squares});
  return tensors;
}

class PackedAttentionFunction : public torch::autograd::Function<PackedAttentionFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& qkv,
                            const PackedSamples& samples, const AttentionDropout& dropout) {
    const std::int64_t n = qkv.size(0), e = qkv.size(1), a = qkv.size(3);
    at::Tensor out = at::empty({n, e, a, qkv.size(4)}, qkv.options());
    at::Tensor log_sum_exp_NEA = at::empty({n, e, a}, qkv.options().dtype(weight_type(qkv)));
    RECORD_FUNCTION("hgnn_moe::packed_attention", recorded({out, qkv}, samples));
    packed_attention_cpu(cpu_isa(), qkv, samples, dropout, out, log_sum_exp_NEA);
    context->save_for_backward({qkv, log_sum_exp_NEA, samples.offsets_B1, samples.positions_N,
                                samples.samples_N, dropout.keys_E});
    context->saved_data["max_length"] = samples.max_length;
    context->saved_data["rate"] = dropout.rate;
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    refuse_second_derivative("packed_attention");
    const auto saved = context->get_saved_variables();
    PackedSamples samples;
    samples.offsets_B1 = saved[2];
    samples.positions_N = saved[3];
    samples.samples_N = saved[4];
    samples.max_length = context->saved_data["max_length"].toInt();
    const AttentionDropout dropout{context->saved_data["rate"].toDouble(), saved[5]};
    at::Tensor d_qkv = at::empty_like(saved[0]);
    RECORD_FUNCTION("hgnn_moe::packed_attention_gradient",
                    recorded({gradients[0], saved[0], d_qkv}, samples));
    packed_attention_gradient_cpu(cpu_isa(), gradients[0].contiguous(), saved[0], saved[1], samples,
                                  dropout, d_qkv);
    return {d_qkv, {}, {}};
  }
};

}  // namespace

at::Tensor packed_attention(const at::Tensor& qkv, const PackedSamples& samples,
                            double dropout_rate, const at::Tensor& dropout_keys_E) {
  const AttentionDropout dropout{
      dropout_rate, dropout_keys_E.defined() ? dropout_keys_E.contiguous() : dropout_keys_E};
  check(qkv, samples, dropout);
  if (has_cpu_kernel(qkv)) return PackedAttentionFunction::apply(qkv, samples, dropout);
  if (serves_flash_attention(qkv, dropout_rate)) return packed_attention_flash(qkv, samples);
  return packed_attention_padded(qkv, samples, dropout);
}

}  // namespace hgnn_moe::ops
