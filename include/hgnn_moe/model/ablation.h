// Models with a part taken out, to see what it was worth: other parameters and no other code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hgnn_moe/model/language_model.h"

namespace hgnn_moe {

// A part of a model, the same in every layer, and what is left without it.
struct Ablation {
  std::string name;                      // "coupler", "expert-0", "hyperedge-2"
  std::string removed;                   // a phrase that says what is gone
  std::vector<std::int64_t> experts;     // that are left, by their numbers in the whole model
  std::vector<std::int64_t> hyperedges;  // likewise
  bool has_coupler_layers = true;
};

// The coupler's layers, each expert and each hyperedge, as far as the model has them and something
// is left. An expert leaves its hyperedges, and those that then have fewer than two members go
// with it. Empty for one expert without a graph.
std::vector<Ablation> possible_ablations(const ModelConfig& config);

// The shape of what is left of such a model. Without its layers a coupler is MEAN.
ModelConfig ablated_config(const ModelConfig& config, const Ablation& ablation);

// What is left of a model: its own values, computed in the same way (without layers there is one
// way), on the same device. The coupler's readout is the mean over the experts that are left, and a
// GNN's adjacency has lost rows and columns.
LanguageModel ablated_model(const LanguageModel& model, const Ablation& ablation);

}  // namespace hgnn_moe
