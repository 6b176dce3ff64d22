#include <ATen/ATen.h>

#include "hgnn_moe/ops/causal_attention.h"
#include "hgnn_moe/ops/packed_attention.h"

namespace hgnn_moe::ops {

at::Tensor packed_attention_reference(const at::Tensor& qkv, const PackedSamples& samples,
                                      double dropout_rate, const at::Tensor& dropout_keys_E) {
  std::vector<at::Tensor> outputs;  // one a sample: [T, E, A, d]
  for (std::int64_t b = 0; b < samples.num_samples(); ++b) {
    const auto begin = samples.offsets_B1[b].item<std::int64_t>();
    const auto end = samples.offsets_B1[b + 1].item<std::int64_t>();
    if (begin == end) continue;
    const at::Tensor sample_1 = samples.samples_N.narrow(0, begin, 1);
    std::vector<at::Tensor> experts;  // [T, A, d] each
    for (std::int64_t e = 0; e < qkv.size(1); ++e) {
      DropoutStream stream;
      if (dropout_rate > 0.0) stream = {dropout_rate, dropout_keys_E[e]};
      const at::Tensor qkv_3ATd =
          qkv.narrow(0, begin, end - begin).select(1, e).permute({1, 2, 0, 3});
      const auto part = [&](std::int64_t i) { return qkv_3ATd.select(0, i).unsqueeze(0); };
      const at::Tensor out_1ATd =
          causal_attention_reference(part(0), part(1), part(2), stream, sample_1);
      experts.push_back(out_1ATd.squeeze(0).transpose(0, 1));
    }
    outputs.push_back(at::stack(experts, 1));
  }
  if (outputs.empty()) return qkv.select(2, 0);
  return at::cat(outputs);
}

}  // namespace hgnn_moe::ops
