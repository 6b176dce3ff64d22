// The command `hgt_embed predict`.
#pragma once

#include "hgnn_moe/config/hgt_config.h"

namespace hgnn_moe::hgt {

// Ranks the nodes that may stand at the other end of a triple: prints the first config.top with
// score, percentile and whether the triple is known. Throws Error(usage) for a node or relation
// that the graph does not have, and Error where the embeddings have collapsed.
int run_predict(const HgtConfig& config);

}  // namespace hgnn_moe::hgt
