// What the layers do with the first evaluation tokens, as events of metrics.jsonl.
#pragma once

#include <cstdint>
#include <vector>

#include <c10/core/Device.h>

#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/train/metrics.h"

namespace hgnn_moe {

// Tokens that layers are observed on, whatever the batch: enough for means to draw, at a price that
// a start-up does not feel.
inline constexpr std::int64_t kObservedTokens = 256;

struct LayerEvents {
  // One a layer for an HGNN (weights and P are shared by its coupler layers), one a layer and
  // coupler layer for a GNN, none where there is no graph.
  std::vector<CouplerEvent> couplers;
  std::vector<LayerEvent> layers;  // one a layer; what training knows is left out
};

// Of the real tokens of the first `rows` that together have kObservedTokens at most, the first row
// in any case. Norms, alignment and energies take no more than kObservedTokens of a longer row.
LayerEvents observe_layers(const LanguageModel& model, const data::SampleSet& set,
                           const std::vector<std::int64_t>& rows, c10::Device device,
                           std::int64_t step);

}  // namespace hgnn_moe
