// What one forward pass depends on beside parameters and tokens.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/counter_dropout.h"
#include "hgnn_moe/ops/fused_experts.h"

namespace hgnn_moe {

// Places where dropout acts. The order is part of every mask: append only.
enum class DropoutPlace : std::uint32_t { embedding, attention, ffn_hidden, ffn_output };

// The graph of one layer, summed over the tokens of a batch; float64 on the CPU.
struct LayerGraph {
  at::Tensor hyperedge_weights_M;     // HGNN with weights per token
  std::vector<at::Tensor> mixing_EE;  // GNN: K of each coupler layer; HGNN: P
};

// Collects the sums over tokens of graphs that depend on the data.
struct GraphProbe {
  std::vector<LayerGraph> layers;

  // Adds to the mixing of one coupler layer.
  void add_mixing(std::int64_t layer, std::size_t coupler_layer, const at::Tensor& mixing_EE);
  LayerGraph& layer(std::int64_t index);
};

struct ForwardContext {
  bool training = false;
  double dropout_rate = 0.0;  // acts only in training
  std::uint64_t seed = 0;
  std::int64_t step = 0;  // finished updates
  GraphProbe* graph_probe = nullptr;

  // The stream of one dropout site; `layer` and `expert` count from 0.
  ops::DropoutStream dropout(std::int64_t layer, std::int64_t expert, DropoutPlace place) const;
  // Those of all experts of a layer at all three places.
  ops::ExpertStreams expert_dropout(std::int64_t layer, std::int64_t num_experts) const;
};

}  // namespace hgnn_moe
