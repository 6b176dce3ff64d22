// How a model is computed; no value of it changes what it computes, but for rounding.
#pragma once

#include <cstdint>

#include "hgnn_moe/model/model_config.h"

namespace hgnn_moe {

struct Execution {
  CouplerPath coupler_path = CouplerPath::automatic;
  std::int64_t coupler_chunk = 0;  // tokens at a time on the batched path; 0: all
  ExpertPath expert_path = ExpertPath::automatic;
  ActivationCheckpointing checkpointing = ActivationCheckpointing::none;
};

// What CouplerPath::automatic stands for: collapsed where the model allows it, else batched. The
// others stand for themselves; collapsed where it does not apply is an assertion. Batched where the
// model has no coupler layers, and so nothing to choose.
CouplerPath resolve_path(const ModelConfig& config, CouplerPath path);

// What ExpertPath::automatic stands for: fused.
ExpertPath resolve_path(ExpertPath path);

}  // namespace hgnn_moe
