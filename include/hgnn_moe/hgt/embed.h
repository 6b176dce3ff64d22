// The command `hgt_embed embed`.
#pragma once

#include "hgnn_moe/config/hgt_options.h"

namespace hgnn_moe::hgt {

// Computes the embeddings of all nodes by the model of config.run and writes config.out and, where
// it is given, config.pairs. Returns 0; whether the embeddings have collapsed is said in the log.
// Throws Error(disk) before it computes anything where a file cannot be written, Error(usage) for
// a type or relation that the graph does not have, and what open_finished_run throws.
int run_embed(const HgtInput& input);

}  // namespace hgnn_moe::hgt
