#include <ATen/ATen.h>

#include "packed_attention_kernels.h"

#include "hgnn_moe/ops/causal_attention.h"

namespace hgnn_moe::ops {

at::Tensor packed_attention_aten(const at::Tensor& qkv, const PackedSamples& samples,
                                 const AttentionDropout& dropout) {
  if (qkv.numel() == 0) return qkv.select(2, 0);
  // A sample without tokens has no index; its padding may have any.
  const at::Tensor sample_indices_B =
      pad_packed(samples.samples_N, samples).select(1, 0).contiguous();
  const at::Tensor parts_E3BATd = pad_packed(qkv, samples).permute({2, 3, 0, 4, 1, 5});
  const at::Tensor q = parts_E3BATd.select(1, 0), k = parts_E3BATd.select(1, 1),
                   v = parts_E3BATd.select(1, 2);
  at::Tensor out_EBATd;
  if (dropout.rate == 0.0) {
    const at::Tensor out =
        causal_attention(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), {}, sample_indices_B);
    out_EBATd = out.view(q.sizes());
  } else {
    // Experts differ in their streams.
    std::vector<at::Tensor> experts;
    for (std::int64_t e = 0; e < q.size(0); ++e) {
      const DropoutStream stream{dropout.rate, dropout.keys[static_cast<std::size_t>(e)]};
      experts.push_back(causal_attention(q[e], k[e], v[e], stream, sample_indices_B));
    }
    out_EBATd = at::stack(experts);
  }
  return pack_padded(out_EBATd.permute({1, 3, 0, 2, 4}), samples);
}

}  // namespace hgnn_moe::ops
