// The command `hgt_embed train`.
#pragma once

#include "hgnn_moe/config/hgt_options.h"

namespace hgnn_moe::hgt {

// Trains, measures the best checkpoint on the test triples, writes RUN/embeddings.safetensors and
// judges it. Returns 0 or 128 plus the signal that stopped it; how good the embeddings are is the
// validator's exit code, not this one's. Throws Error.
int run_train(const HgtInput& input);

}  // namespace hgnn_moe::hgt
