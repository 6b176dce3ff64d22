// The graphs of a model as events of metrics.jsonl.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/train/metrics.h"

namespace hgnn_moe {

// One event a layer for an HGNN (weights and P are shared by its coupler layers), one a layer and
// coupler layer for a GNN, none for other couplers. `mean_graphs` as train/evaluation.h makes them.
std::vector<CouplerEvent> coupler_events(const LanguageModel& model, std::int64_t step,
                                         const std::vector<LayerGraph>& mean_graphs);

}  // namespace hgnn_moe
