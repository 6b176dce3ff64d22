// The program hgt_embed behind its main().
#pragma once

namespace hgnn_moe::hgt {

// Parses, runs a command, prints errors to standard error and returns the exit code.
int run_embedding_program(int argc, char** argv);

}  // namespace hgnn_moe::hgt
