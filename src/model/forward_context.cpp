#include "hgnn_moe/model/forward_context.h"

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"

namespace hgnn_moe {

namespace {

std::uint64_t site_key(std::uint64_t seed, std::int64_t step, std::int64_t layer,
                       std::int64_t expert, DropoutPlace place) {
  HGNN_MOE_ASSERT(layer < (1 << 14) && expert < (1 << 14), "layer {}, expert {}", layer, expert);
  const auto site = static_cast<std::uint32_t>(layer) << 18 |
                    static_cast<std::uint32_t>(expert) << 4 | static_cast<std::uint32_t>(place);
  return philox_stream_key(seed, RandomPurpose::dropout, static_cast<std::uint64_t>(step), site);
}

// Of StepKeys::layers_L3E.
constexpr DropoutPlace kLayerPlaces[] = {DropoutPlace::attention, DropoutPlace::ffn_hidden,
                                         DropoutPlace::ffn_output};

std::int64_t index_of(DropoutPlace place) {
  HGNN_MOE_ASSERT(place != DropoutPlace::embedding, "{}", "the embedding is in no layer");
  return static_cast<std::int64_t>(place) - static_cast<std::int64_t>(DropoutPlace::attention);
}

}  // namespace

std::vector<std::uint64_t> StepKeys::make(std::uint64_t seed, std::int64_t step,
                                          std::int64_t layers, std::int64_t experts) {
  std::vector<std::uint64_t> keys{site_key(seed, step, 0, 0, DropoutPlace::embedding)};
  for (std::int64_t l = 0; l < layers; ++l) {
    for (const DropoutPlace place : kLayerPlaces) {
      for (std::int64_t e = 0; e < experts; ++e) keys.push_back(site_key(seed, step, l, e, place));
    }
  }
  return keys;
}

StepKeys StepKeys::view(const at::Tensor& keys, std::int64_t layers, std::int64_t experts) {
  HGNN_MOE_ASSERT(keys.numel() == count(layers, experts), "{} keys for {} layers of {} experts",
                  keys.numel(), layers, experts);
  return {keys.narrow(0, 0, 1), keys.narrow(0, 1, keys.numel() - 1).view({layers, 3, experts})};
}

ops::DropoutStream ForwardContext::embedding_dropout() const {
  if (!drops()) return {};
  return {dropout_rate, keys.embedding_1};
}

ops::DropoutStream ForwardContext::dropout(std::int64_t layer, std::int64_t expert,
                                           DropoutPlace place) const {
  if (!drops()) return {};
  return {dropout_rate, keys.layers_L3E[layer][index_of(place)][expert]};
}

ops::ExpertStreams ForwardContext::expert_dropout(std::int64_t layer) const {
  if (!drops()) return {};
  const at::Tensor keys_3E = keys.layers_L3E[layer];
  return {dropout_rate, keys_3E[0], keys_3E[1], keys_3E[2]};
}

}  // namespace hgnn_moe
