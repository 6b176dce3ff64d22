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
  HGNN_MOE_ASSERT(
      dropout.rate == 0.0 || static_cast<std::int64_t>(dropout.keys.size()) == qkv.size(1),
      "{} dropout keys for {} experts", dropout.keys.size(), qkv.size(1));
}

// autograd carries int64; a key's bits are the same in it.
std::vector<std::int64_t> to_signed(const std::vector<std::uint64_t>& keys) {
  return {keys.begin(), keys.end()};
}

class PackedAttentionFunction : public torch::autograd::Function<PackedAttentionFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& qkv,
                            const PackedSamples& samples, const AttentionDropout& dropout) {
    const std::int64_t n = qkv.size(0), e = qkv.size(1), a = qkv.size(3);
    at::Tensor out = at::empty({n, e, a, qkv.size(4)}, qkv.options());
    at::Tensor log_sum_exp_NEA = at::empty({n, e, a}, qkv.options().dtype(weight_type(qkv)));
    // For profiles: PyTorch's dispatcher does not know this operation.
    RECORD_FUNCTION("hgnn_moe::packed_attention", std::vector<c10::IValue>({qkv, out}));
    packed_attention_cpu(cpu_isa(), qkv, samples, dropout, out, log_sum_exp_NEA);
    context->save_for_backward(
        {qkv, log_sum_exp_NEA, samples.offsets_B1, samples.positions_N, samples.samples_N});
    context->saved_data["max_length"] = samples.max_length;
    context->saved_data["rate"] = dropout.rate;
    context->saved_data["keys"] = to_signed(dropout.keys);
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    refuse_second_derivative("packed_attention");
    const auto saved = context->get_saved_variables();
    const PackedSamples samples{saved[2], saved[3], saved[4],
                                context->saved_data["max_length"].toInt()};
    const std::vector<std::int64_t> keys = context->saved_data["keys"].toIntVector();
    const AttentionDropout dropout{context->saved_data["rate"].toDouble(),
                                   {keys.begin(), keys.end()}};
    at::Tensor d_qkv = at::empty_like(saved[0]);
    RECORD_FUNCTION("hgnn_moe::packed_attention_gradient",
                    std::vector<c10::IValue>({gradients[0], saved[0], d_qkv}));
    packed_attention_gradient_cpu(cpu_isa(), gradients[0].contiguous(), saved[0], saved[1], samples,
                                  dropout, d_qkv);
    return {d_qkv, {}, {}};
  }
};

}  // namespace

at::Tensor packed_attention(const at::Tensor& qkv, const PackedSamples& samples,
                            double dropout_rate, const std::vector<std::uint64_t>& dropout_keys) {
  const AttentionDropout dropout{dropout_rate, dropout_keys};
  check(qkv, samples, dropout);
  if (!has_cpu_kernel(qkv)) return packed_attention_aten(qkv, samples, dropout);
  return PackedAttentionFunction::apply(qkv, samples, dropout);
}

}  // namespace hgnn_moe::ops
