// What a coupler's graph can change, known from the configuration alone.
#pragma once

#include <string>

#include "hgnn_moe/model/model_config.h"

namespace hgnn_moe {

enum class GraphEffect {
  none,            // NONE, MEAN or one expert: there is no graph
  active,          // it changes what leaves the coupler
  no_op,           // a mean over the experts would do the same, whatever is learned
  weights_cancel,  // it is active, but its learnable weights cannot change it
};

// "none", "active", "no_op" or "weights_cancel".
const char* name_of(GraphEffect effect);

struct GraphFinding {
  GraphEffect effect = GraphEffect::none;
  std::string note;  // a sentence that says why, "" where the name says it all
};

GraphFinding graph_effect(const ModelConfig& config);

// Whether the coupling changes nothing that MEAN would not do (docs/model.md, "When the graph is
// a no-op"); a sentence that says why, or "".
std::string no_op_reason(const ModelConfig& config);

}  // namespace hgnn_moe
