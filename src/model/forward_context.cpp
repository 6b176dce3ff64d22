#include "hgnn_moe/model/forward_context.h"

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"

namespace hgnn_moe {

ops::DropoutStream ForwardContext::dropout(std::int64_t layer, std::int64_t expert,
                                           DropoutPlace place) const {
  if (!training || dropout_rate == 0.0) return {};
  HGNN_MOE_ASSERT(layer < (1 << 14) && expert < (1 << 14), "layer {}, expert {}", layer, expert);
  const auto site = static_cast<std::uint32_t>(layer) << 18 |
                    static_cast<std::uint32_t>(expert) << 4 | static_cast<std::uint32_t>(place);
  return {dropout_rate,
          philox_stream_key(seed, RandomPurpose::dropout, static_cast<std::uint64_t>(step), site)};
}

ops::ExpertStreams ForwardContext::expert_dropout(std::int64_t layer,
                                                  std::int64_t num_experts) const {
  ops::ExpertStreams streams;
  for (std::int64_t e = 0; e < num_experts; ++e) {
    const ops::DropoutStream attention = dropout(layer, e, DropoutPlace::attention);
    streams.rate = attention.rate;
    streams.attention.push_back(attention.key);
    streams.hidden.push_back(dropout(layer, e, DropoutPlace::ffn_hidden).key);
    streams.output.push_back(dropout(layer, e, DropoutPlace::ffn_output).key);
  }
  return streams;
}

void GraphProbe::add_mixing(std::int64_t index, std::size_t coupler_layer,
                            const at::Tensor& mixing_EE) {
  std::vector<at::Tensor>& mixing = layer(index).mixing_EE;
  if (mixing.size() <= coupler_layer) mixing.resize(coupler_layer + 1);
  at::Tensor& sum = mixing[coupler_layer];
  sum = sum.defined() ? sum + mixing_EE : mixing_EE;
}

LayerGraph& GraphProbe::layer(std::int64_t index) {
  const auto i = static_cast<std::size_t>(index);
  if (layers.size() <= i) layers.resize(i + 1);
  return layers[i];
}

}  // namespace hgnn_moe
