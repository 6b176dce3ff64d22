// What one forward pass depends on beside parameters and tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/counter_dropout.h"
#include "hgnn_moe/ops/fused_experts.h"

namespace hgnn_moe {

// Places where dropout acts. The order is part of every mask: append only.
enum class DropoutPlace : std::uint32_t { embedding, attention, ffn_hidden, ffn_output };

// Sees what the experts of each layer hand to its coupler, experts_NED [N, E, D], and what they
// have read, input_ND [N, D].
using LayerObserver = std::function<void(std::int64_t layer, const at::Tensor& experts_NED,
                                         const at::Tensor& input_ND)>;

// The keys of all dropout of one step, see ops::dropout_keys, on the model's device.
struct StepKeys {
  at::Tensor embedding_1;  // [1]
  at::Tensor layers_L3E;   // [L, 3, E]; by place after the embedding

  // Those of `step`, the number of finished updates, one behind the other: [1 + 3 L E].
  static std::vector<std::uint64_t> make(std::uint64_t seed, std::int64_t step, std::int64_t layers,
                                         std::int64_t experts);
  static std::int64_t count(std::int64_t layers, std::int64_t experts) {
    return 1 + 3 * layers * experts;
  }
  // Views of such a tensor.
  static StepKeys view(const at::Tensor& keys, std::int64_t layers, std::int64_t experts);
};

struct ForwardContext {
  bool training = false;
  double dropout_rate = 0.0;  // acts only in training
  std::uint64_t seed = 0;
  std::int64_t step = 0;                    // finished updates
  const LayerObserver* observer = nullptr;  // called once a layer, where given
  StepKeys keys;  // those of seed and step; the model makes them where they are not given

  bool drops() const { return training && dropout_rate > 0.0; }
  // The stream of the embedding, of one place in one expert, and of all experts of a layer; `layer`
  // and `expert` count from 0.
  ops::DropoutStream embedding_dropout() const;
  ops::DropoutStream dropout(std::int64_t layer, std::int64_t expert, DropoutPlace place) const;
  ops::ExpertStreams expert_dropout(std::int64_t layer) const;
};

}  // namespace hgnn_moe
