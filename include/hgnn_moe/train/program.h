// The program hgnn_moe_train behind its main().
#pragma once

#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {

// Parses, runs, prints errors to standard error and returns the exit code. `run_sweep` does what
// --sweep asks for: sweeps start runs, so they lie a layer above.
int run_training_program(int argc, char** argv, int (*run_sweep)(const ParsedConfig&));

}  // namespace hgnn_moe
