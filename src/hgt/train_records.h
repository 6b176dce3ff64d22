// The JSON records of a run of hgt_embed train.
#pragma once

#include <cstdint>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/hgt_options.h"
#include "hgnn_moe/hgt/graph_data.h"
#include "hgnn_moe/hgt/link_model.h"
#include "hgnn_moe/train/run_records.h"
#include "hgnn_moe/train/training_state.h"

namespace hgnn_moe::hgt {

// config.json: every key and where it came from, the graph, the build and the device.
Json config_record(const HgtInput& input, const GraphData& data, const LinkModel& model);

// What must be equal for a checkpoint to go on; num_epochs and
// max_steps may be raised.
Json resume_fingerprint(const HgtConfig& config, const GraphData& data);

// run_summary.json; `results` are what was measured in the end, or null.
Json summary_record(const HgtConfig& config, const TrainingState& state, const LinkModel& model,
                    std::int64_t triples_per_epoch, RunStatus status, const Json& results);

}  // namespace hgnn_moe::hgt
