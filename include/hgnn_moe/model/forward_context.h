// What one forward pass depends on beside parameters and tokens.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/counter_dropout.h"

namespace hgnn_moe {

// Places where dropout acts. The order is part of every mask: append only.
enum class DropoutPlace : std::uint32_t { embedding, attention, ffn_hidden, ffn_output };

// Collects the sums over real tokens of the mixing matrices of a GNN, which depend on the data.
struct MixingProbe {
  at::Tensor real_tokens_N;                     // [N] bool: padding is left out
  std::vector<std::vector<at::Tensor>> sum_EE;  // [layer][coupler layer], float64 on the CPU
};

struct ForwardContext {
  bool training = false;
  double dropout_rate = 0.0;  // acts only in training
  std::uint64_t seed = 0;
  std::int64_t step = 0;        // finished updates
  at::Tensor sample_indices_B;  // [B] int64: index of each row in the global step
  MixingProbe* mixing_probe = nullptr;

  // The stream of one dropout site; `layer` and `expert` count from 0.
  ops::DropoutStream dropout(std::int64_t layer, std::int64_t expert, DropoutPlace place) const;
};

}  // namespace hgnn_moe
