// The program hgnn_moe_train behind its main().
#pragma once

namespace hgnn_moe {

// Parses, runs, prints errors to standard error and returns the exit code.
int run_training_program(int argc, char** argv);

}  // namespace hgnn_moe
