// One invocation of the program on one run: from a parsed configuration to its exit code.
#pragma once

#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {

// Trains (or with eval_only evaluates) the run that `parsed` describes and writes its files.
// Returns 0, or 128 + n where signal n stopped it after a checkpoint. Throws Error.
int run_session(const ParsedConfig& parsed);

}  // namespace hgnn_moe
