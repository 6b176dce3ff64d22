#include "hgnn_moe/train/schedule.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

constexpr double kPi = 3.14159265358979323846;

ScheduleConfig schedule(LrSchedule kind, std::int64_t warmup, std::int64_t total,
                        double rate = 5e-4) {
  return ScheduleConfig{kind, rate, warmup, total};
}

TEST(Schedule, CosineWithoutWarmupIsTorchsClosedForm) {
  const ScheduleConfig config = schedule(LrSchedule::cosine, 0, 30);
  EXPECT_DOUBLE_EQ(learning_rate_at(0, config), 5e-4);
  for (std::int64_t step = 0; step < 30; ++step) {
    const double expected = 1e-6 + (5e-4 - 1e-6) * (1 + std::cos(kPi * step / 30.0)) / 2;
    EXPECT_NEAR(learning_rate_at(step, config), expected, 1e-18) << step;
  }
  EXPECT_DOUBLE_EQ(learning_rate_at(30, config), 1e-6);
  // Printed by torch.optim.lr_scheduler.CosineAnnealingLR(T_max=30, eta_min=1e-6) at epoch 7.
  EXPECT_NEAR(learning_rate_at(7, config), 0.0004359146339566099, 1e-15);
}

TEST(Schedule, WarmupRisesLinearlyAndTheDecayStartsAfterIt) {
  for (const LrSchedule kind :
       {LrSchedule::cosine, LrSchedule::linear, LrSchedule::constant, LrSchedule::wsd}) {
    const ScheduleConfig config = schedule(kind, 4, 104);
    EXPECT_DOUBLE_EQ(learning_rate_at(0, config), 5e-4 * 0.25);
    EXPECT_DOUBLE_EQ(learning_rate_at(1, config), 5e-4 * 0.5);
    EXPECT_DOUBLE_EQ(learning_rate_at(3, config), 5e-4);
    EXPECT_DOUBLE_EQ(learning_rate_at(4, config), 5e-4);
  }
  EXPECT_DOUBLE_EQ(learning_rate_at(54, schedule(LrSchedule::cosine, 4, 104)), (5e-4 + 1e-6) / 2);
}

TEST(Schedule, LinearFallsByEqualAmounts) {
  const ScheduleConfig config = schedule(LrSchedule::linear, 0, 10);
  for (std::int64_t step = 0; step <= 10; ++step) {
    EXPECT_NEAR(learning_rate_at(step, config), 5e-4 - (5e-4 - 1e-6) * step / 10.0, 1e-18);
  }
}

TEST(Schedule, ConstantStays) {
  const ScheduleConfig config = schedule(LrSchedule::constant, 0, 10);
  EXPECT_EQ(learning_rate_at(0, config), 5e-4);
  EXPECT_EQ(learning_rate_at(9, config), 5e-4);
}

TEST(Schedule, WsdDecaysInTheLastFifthOnly) {
  const ScheduleConfig config = schedule(LrSchedule::wsd, 10, 100);
  for (std::int64_t step = 10; step <= 80; ++step) {
    EXPECT_EQ(learning_rate_at(step, config), 5e-4) << step;
  }
  EXPECT_NEAR(learning_rate_at(90, config), (5e-4 + 1e-6) / 2, 1e-18);
  EXPECT_NEAR(learning_rate_at(100, config), 1e-6, 1e-18);
}

TEST(Schedule, WsdWithALongWarmupDecaysAfterIt) {
  const ScheduleConfig config = schedule(LrSchedule::wsd, 90, 100);
  EXPECT_DOUBLE_EQ(learning_rate_at(89, config), 5e-4);
  EXPECT_DOUBLE_EQ(learning_rate_at(90, config), 5e-4);
  EXPECT_NEAR(learning_rate_at(95, config), (5e-4 + 1e-6) / 2, 1e-18);
}

TEST(Schedule, ARateBelowTheFloorIsNeverRaised) {
  for (const LrSchedule kind : {LrSchedule::cosine, LrSchedule::linear, LrSchedule::wsd}) {
    const ScheduleConfig config = schedule(kind, 0, 10, 1e-7);
    for (std::int64_t step = 0; step <= 10; ++step) {
      EXPECT_DOUBLE_EQ(learning_rate_at(step, config), 1e-7);
    }
  }
}

TEST(Schedule, WarmupAsLongAsTheRunOrLongerIsHarmless) {
  EXPECT_DOUBLE_EQ(learning_rate_at(9, schedule(LrSchedule::cosine, 10, 10)), 5e-4);
  EXPECT_DOUBLE_EQ(learning_rate_at(9, schedule(LrSchedule::cosine, 20, 10)), 2.5e-4);
  EXPECT_DOUBLE_EQ(learning_rate_at(10, schedule(LrSchedule::cosine, 10, 10)), 1e-6);
}

}  // namespace
}  // namespace hgnn_moe
