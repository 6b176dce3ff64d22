// The losses of all runs of a comparison in one file.
#pragma once

#include <filesystem>
#include <vector>

#include "hgnn_moe/hgt/comparison.h"

namespace hgnn_moe::hgt {

// variant,seed,step,epoch,loss,seconds: a row a step of every run that has a metrics.jsonl, from
// it; seconds are those of training so far, data, forward, backward and optimizer together. Throws
// Error(disk).
void write_loss_curves(const std::filesystem::path& file,
                       const std::vector<ComparedResult>& results);

}  // namespace hgnn_moe::hgt
