// How many batches and steps a run has, and which batch belongs to which step.
#pragma once

#include <cstdint>

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/data/dataset.h"

namespace hgnn_moe {

// A step is `accumulation` micro-batches of one epoch; an epoch's last step may have fewer, and
// its last micro-batch fewer samples.
struct TrainPlan {
  std::int64_t samples = 0;  // training samples an epoch
  std::int64_t batch_size = 1;
  std::int64_t accumulation = 1;
  std::int64_t batches_per_epoch = 0;  // micro-batches
  std::int64_t steps_per_epoch = 0;
  std::int64_t epochs = 0;
  std::int64_t total_steps = 0;  // min(max_steps, epochs * steps_per_epoch)

  // One past the last micro-batch of step `step_in_epoch`.
  std::int64_t last_batch(std::int64_t step_in_epoch) const;
  // Samples of micro-batch `batch`.
  std::int64_t batch_samples(std::int64_t batch) const;
};

TrainPlan make_plan(const TrainConfig& config, std::int64_t samples);
// Of the samples that num_train_samples chooses of these.
TrainPlan make_plan(const TrainConfig& config, const data::SampleSet& train);

}  // namespace hgnn_moe
