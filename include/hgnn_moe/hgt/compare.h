// The command `hgt_embed compare`.
#pragma once

#include "hgnn_moe/config/hgt_options.h"

namespace hgnn_moe::hgt {

// Trains every variant with every seed, each run in a child process and a folder of its own below
// checkpoint_dir/run_name; runs that are done there are kept, others resumed. Prints the figures
// and writes compare.json, curves.csv and config.json, where it is given. Returns 0 or 128 plus the
// signal that stopped it. Throws Error: (usage) where a GPU is compared and there is none, or runs
// of other options are there; (rows_failed) after the figures where runs are not done.
int run_compare(const HgtInput& input);

}  // namespace hgnn_moe::hgt
