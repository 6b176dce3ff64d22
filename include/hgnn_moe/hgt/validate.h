// The command `hgt_embed validate`.
#pragma once

#include "hgnn_moe/config/hgt_config.h"

namespace hgnn_moe::hgt {

// Prints the report on standard output, notes on standard error, writes the JSON, and returns the
// exit code of the verdict. Throws what reading and writing throw.
int run_validate(const HgtConfig& config);

}  // namespace hgnn_moe::hgt
