// The runs of hgt_embed compare: what differs between them, and what they are called.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/hgt_options.h"

namespace hgnn_moe::hgt {

struct ComparedRun {
  std::string variant;
  std::int64_t seed = 0;
  Settings settings;  // for hgt_embed train: what the user gave, with the variant's over it
  HgtConfig config;   // what they resolve to

  std::string folder() const { return config.checkpoint_dir + "/" + config.run_name; }
};

// In their order; the others are compared with the first.
std::vector<std::string> compared_variants(const HgtConfig& config);

// The run_name of a comparison that has none: the graph's name and what is compared, so that the
// same command finds it again.
std::string comparison_name(const HgtConfig& config);

// Seed by seed, all variants of each. `edges` is how many the graph has at most: a batch of so many
// triples is all of them. Throws Error(usage) where a variant contradicts what was given.
std::vector<ComparedRun> compared_runs(const HgtInput& input, std::int64_t edges);

// {name: value}, a configuration file of hgt_embed train.
Json options_of_run(const ComparedRun& run);

}  // namespace hgnn_moe::hgt
