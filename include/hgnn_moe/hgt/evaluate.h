// The command `hgt_embed evaluate`.
#pragma once

#include "hgnn_moe/config/hgt_config.h"

namespace hgnn_moe::hgt {

// Measures the model of config.run on its test triples: ranks, AUROC and AUPRC beside degrees
// alone, and Recall@100 where all facts of nodes were held out. Prints a table and writes
// config.json, where it is given. Throws Error.
int run_evaluate(const HgtConfig& config);

}  // namespace hgnn_moe::hgt
