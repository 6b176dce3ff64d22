// What can be refused before a run's folder is touched, so that a mistake leaves no trace of a
// run and costs no run that was to be overwritten.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/model/model_config.h"
#include "hgnn_moe/train/resume_point.h"

namespace hgnn_moe {

// Throws Error(data) where the chosen evaluation or training samples hold no target at all.
void check_targets(const TrainConfig& config, const data::Dataset& dataset);

// Throws Error(usage) where overwriting the run would remove the weights it starts from.
void check_init_from(const TrainConfig& config, const RunLocation& location);

// Throws Error(checkpoint) where eval_only is to evaluate a run that has no checkpoint.
void check_evaluated(const TrainConfig& config, const RunLocation& location);
[[noreturn]] void fail_without_checkpoint(const TrainConfig& config, const RunLocation& location);

// Throws Error(usage) where ablate finds no part that can be removed.
void check_ablation(const TrainConfig& config, const ModelConfig& model);

// On a CPU. Throws Error(out_of_memory) where the weights, with gradients and AdamW's moments where
// they are trained, are alone more than the `available` bytes, if those are known: the kernel would
// kill the process, or another one, with no word. Else a warning where the estimate is more, or "".
std::string check_memory(const TrainConfig& config, const ModelConfig& model,
                         const data::Dataset& dataset, std::optional<std::int64_t> available);

// Throws Error(usage) where dump_token_losses names no .npy file, or one among the data or in a
// folder of the run, which would be replaced or removed; Error(disk) where it cannot be written.
void check_token_losses_path(const TrainConfig& config, const data::Dataset& dataset,
                             const RunLocation& location);

}  // namespace hgnn_moe
