// A run of hgt_embed train, opened again to use its model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/graph_data.h"
#include "hgnn_moe/hgt/link_model.h"

namespace hgnn_moe::hgt {

struct FinishedRun {
  std::filesystem::path folder;
  HgtConfig config;   // the run's, with threads, device, graph and features of the command
  GraphData data;     // as it was in training
  LinkModel model;    // of command.checkpoint
  std::int64_t step;  // of that checkpoint
};

// Opens command.run. Throws Error(usage) where there is no run, Error(data) where its graph or its
// features are no longer what they were, Error(checkpoint) where it has no checkpoint that is
// intact.
FinishedRun open_finished_run(const HgtConfig& command);

// Of the negatives that a command draws: its own where one is given, else the run's, with which
// they are those of the run's test.
std::uint64_t negatives_seed(const HgtConfig& command, const FinishedRun& run);

}  // namespace hgnn_moe::hgt
