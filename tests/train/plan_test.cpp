#include "hgnn_moe/train/plan.h"

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

TrainConfig config_of(std::int64_t batch, std::int64_t accumulation, std::int64_t epochs) {
  TrainConfig config;
  config.batch_size = batch;
  config.gradient_accumulation_steps = accumulation;
  config.epochs = epochs;
  return config;
}

TEST(Plan, KeepsTheLastShortBatchAndStep) {
  const TrainPlan plan = make_plan(config_of(4, 2, 3), 18);
  EXPECT_EQ(plan.batches_per_epoch, 5);
  EXPECT_EQ(plan.steps_per_epoch, 3);
  EXPECT_EQ(plan.total_steps, 9);
  EXPECT_EQ(plan.batch_samples(3), 4);
  EXPECT_EQ(plan.batch_samples(4), 2);
  EXPECT_EQ(plan.last_batch(2), 5) << "a step never crosses the end of an epoch";
}

TEST(Plan, MaxBatchesCountsMicroBatchesAndMaxStepsCountsSteps) {
  TrainConfig config = config_of(4, 2, 3);
  config.max_batches_per_epoch = 3;
  EXPECT_EQ(make_plan(config, 100).steps_per_epoch, 2);
  EXPECT_EQ(make_plan(config, 100).total_steps, 6);
  config.max_steps = 4;
  EXPECT_EQ(make_plan(config, 100).total_steps, 4);
  config.max_steps = 400;
  EXPECT_EQ(make_plan(config, 100).total_steps, 6);
}

}  // namespace
}  // namespace hgnn_moe
