// What one forward pass depends on beside parameters and tokens.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/counter_dropout.h"

namespace hgnn_moe {

// Places where dropout acts. The order is part of every mask: append only.
enum class DropoutPlace : std::uint32_t { embedding, attention, ffn_hidden, ffn_output };

// The graph of one layer, over the real tokens of a batch; float64 on the CPU.
struct LayerGraph {
  at::Tensor hyperedge_weights_M;     // HGNN with weights per token
  std::vector<at::Tensor> mixing_EE;  // GNN: K of each coupler layer; HGNN: P
};

// Collects the sums over real tokens of graphs that depend on the data.
struct GraphProbe {
  at::Tensor real_tokens_N;  // [N] bool: padding is left out
  std::vector<LayerGraph> layers;

  // The sum over real tokens of values [N', ...], which are those of the tokens from `first` on.
  at::Tensor sum(const at::Tensor& values, std::int64_t first = 0) const;
  // Adds to the mixing of one coupler layer.
  void add_mixing(std::int64_t layer, std::size_t coupler_layer, const at::Tensor& mixing_EE);
  LayerGraph& layer(std::int64_t index);
};

struct ForwardContext {
  bool training = false;
  double dropout_rate = 0.0;  // acts only in training
  std::uint64_t seed = 0;
  std::int64_t step = 0;        // finished updates
  at::Tensor sample_indices_B;  // [B] int64: index of each row in the global step
  GraphProbe* graph_probe = nullptr;

  // The stream of one dropout site; `layer` and `expert` count from 0.
  ops::DropoutStream dropout(std::int64_t layer, std::int64_t expert, DropoutPlace place) const;
};

}  // namespace hgnn_moe
