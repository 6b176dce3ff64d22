#include "hgnn_moe/train/plan.h"

#include <algorithm>

namespace hgnn_moe {

std::int64_t TrainPlan::last_batch(std::int64_t step_in_epoch) const {
  return std::min((step_in_epoch + 1) * accumulation, batches_per_epoch);
}

std::int64_t TrainPlan::batch_samples(std::int64_t batch) const {
  return std::min(batch_size, samples - batch * batch_size);
}

TrainPlan make_plan(const TrainConfig& config, std::int64_t samples) {
  TrainPlan plan;
  plan.samples = samples;
  plan.batch_size = config.batch_size;
  plan.accumulation = config.gradient_accumulation_steps;
  plan.batches_per_epoch = (samples + plan.batch_size - 1) / plan.batch_size;
  if (config.max_batches_per_epoch >= 0) {
    plan.batches_per_epoch = std::min(plan.batches_per_epoch, config.max_batches_per_epoch);
  }
  plan.steps_per_epoch = (plan.batches_per_epoch + plan.accumulation - 1) / plan.accumulation;
  plan.epochs = config.epochs;
  plan.total_steps = plan.epochs * plan.steps_per_epoch;
  if (config.max_steps >= 0) plan.total_steps = std::min(plan.total_steps, config.max_steps);
  return plan;
}

TrainPlan make_plan(const TrainConfig& config, const data::SampleSet& train) {
  return make_plan(config, data::chosen_count(train.size(), config.num_train_samples));
}

}  // namespace hgnn_moe
