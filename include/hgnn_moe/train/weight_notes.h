// What the tensors of a model.safetensors do not show and its meaning depends on: the metadata
// that are written beside them and compared when they are loaded.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hgnn_moe/model/model_config.h"

namespace hgnn_moe {

using WeightNotes = std::map<std::string, std::string>;

// Names hyperedges and their order, wherever they come from.
std::string hyperedges_hash(const ops::Hypergraph& graph);

// num_heads, and of an HGNN hyperedge_weighting, hgnn_activation, hgnn_residual,
// hyperedges_hash and, where it has learnable weights, hyperedge_weight_param.
WeightNotes weight_notes(const ModelConfig& config);

// A line for each note of `in_force` that a file with the notes `in_file` contradicts. A file
// without a note counts as the PyTorch original, which writes none: raw, pyg, no activation, no
// residual; without number of heads or hyperedges it is believed.
std::vector<std::string> note_differences(const WeightNotes& in_file, const WeightNotes& in_force);

}  // namespace hgnn_moe
