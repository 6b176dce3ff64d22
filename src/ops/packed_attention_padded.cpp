#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/custom_function.h>

#include "attention_rows.h"
#include "cpu_launch.h"
#include "operator_registry.h"
#include "packed_attention_kernels.h"
#include "wide_product.h"

namespace hgnn_moe::ops {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What autograd keeps beside qkv and log-sum-exp.
struct Call : torch::CustomClassHolder {
  Call(PackedSamples samples, AttentionDropout dropout)
      : samples(std::move(samples)), dropout(std::move(dropout)) {}
  PackedSamples samples;
  AttentionDropout dropout;
};

// [N, E, S, A, d] to [S, H, T, d], H = E A B; zero in the padding.
at::Tensor to_matrices(const at::Tensor& x_NESAd, const PackedSamples& samples) {
  const at::Tensor x_SEABTd = pad_packed(x_NESAd, samples).permute({3, 2, 4, 0, 1, 5}).contiguous();
  return x_SEABTd.flatten(1, 3);
}

// The reverse.
at::Tensor from_matrices(const at::Tensor& x_SHTd, const PackedSamples& samples,
                         std::int64_t experts) {
  const std::int64_t batch = samples.num_samples(), heads = x_SHTd.size(1) / experts / batch;
  return pack_padded(x_SHTd.unflatten(1, {experts, heads, batch}).permute({3, 4, 1, 0, 2, 5}),
                     samples);
}

AttentionRows rows_of(const Call& call, const at::Tensor& qkv) {
  return {qkv.size(1), qkv.size(3), 1.0 / std::sqrt(static_cast<double>(qkv.size(4))), call.dropout,
          call.samples.sample_indices_B};
}

class PaddedAttention : public torch::autograd::Function<PaddedAttention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& qkv,
                            const c10::intrusive_ptr<Call>& call) {
    const at::Tensor parts = to_matrices(qkv, call->samples);
    const at::Tensor scores_HTT = wide_bmm(parts[0], parts[1].transpose(1, 2), weight_type(qkv));
    at::Tensor kept_HTT = at::empty(scores_HTT.sizes(), qkv.options());
    at::Tensor log_sum_exp_HT = at::empty(scores_HTT.sizes().slice(0, 2), scores_HTT.options());
    attention_rows(rows_of(*call, qkv), scores_HTT, kept_HTT, log_sum_exp_HT);
    context->save_for_backward({qkv, log_sum_exp_HT});
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    const at::Tensor out_HTd = at::bmm(kept_HTT, parts[2]);
    return from_matrices(out_HTd.unsqueeze(0), call->samples, qkv.size(1)).squeeze(2);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    refuse_second_derivative("packed_attention");
    const auto capsule = context->saved_data["call"].toCapsule();
    const auto* call = static_cast<const Call*>(capsule.get());
    const auto saved = context->get_saved_variables();
    const at::Tensor &qkv = saved[0], &log_sum_exp_HT = saved[1];
    const at::Tensor parts = to_matrices(qkv, call->samples);
    const at::Tensor q = parts[0], k = parts[1], v = parts[2];
    const at::Tensor d_out_HTd = to_matrices(gradients[0].unsqueeze(2), call->samples)[0];
    const at::Tensor scores_HTT = wide_bmm(q, k.transpose(1, 2), weight_type(qkv));
    const at::Tensor d_kept_HTT = wide_bmm(d_out_HTd, v.transpose(1, 2), weight_type(qkv));
    AttentionRowsGradients d{at::empty(scores_HTT.sizes(), qkv.options()),
                             at::empty(scores_HTT.sizes(), qkv.options())};
    attention_rows_gradient(rows_of(*call, qkv), {scores_HTT, log_sum_exp_HT, d_kept_HTT}, d);
    at::Tensor d_parts = at::empty_like(parts);
    at::Tensor d_q = d_parts[0], d_k = d_parts[1], d_v = d_parts[2];
    at::bmm_out(d_q, d.d_scores_HTT, k);
    at::bmm_out(d_k, d.d_scores_HTT.transpose(1, 2), q);
    at::bmm_out(d_v, d.kept_HTT.transpose(1, 2), d_out_HTd);
    return {from_matrices(d_parts, call->samples, qkv.size(1)), {}};
  }
};

// LibTorch's attention, which keeps no matrix of scores.
at::Tensor attention_without_dropout(const at::Tensor& qkv, const PackedSamples& samples) {
  const at::Tensor parts_3BHTd = pad_packed(qkv, samples).permute({3, 0, 2, 4, 1, 5}).flatten(2, 3);
  const at::Tensor out_BHTd = at::scaled_dot_product_attention(
      parts_3BHTd[0], parts_3BHTd[1], parts_3BHTd[2], /*attn_mask=*/{}, /*dropout_p=*/0.0,
      /*is_causal=*/true);
  return pack_padded(out_BHTd.unflatten(1, {qkv.size(1), qkv.size(3)}).permute({0, 3, 1, 2, 4}),
                     samples);
}

}  // namespace

at::Tensor packed_attention_padded(const at::Tensor& qkv, const PackedSamples& samples,
                                   const AttentionDropout& dropout) {
  if (qkv.numel() == 0) return qkv.select(2, 0);
  if (dropout.rate == 0.0) return attention_without_dropout(qkv, samples);
  return PaddedAttention::apply(qkv, c10::make_intrusive<Call>(samples, dropout));
}

}  // namespace hgnn_moe::ops
