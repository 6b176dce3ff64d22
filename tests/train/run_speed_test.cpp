#include "hgnn_moe/train/run_speed.h"

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

TEST(RunSpeed, HasNoRatesBeforeTheFirstStep) {
  const RunSpeed speed;
  EXPECT_EQ(speed.flops_per_s(), std::nullopt);
  EXPECT_EQ(speed.mfu(1e12), std::nullopt);
  EXPECT_EQ(speed.gpu_utilisation(), std::nullopt);
  EXPECT_EQ(speed_text(speed, "the CPU", std::nullopt), "");
}

TEST(RunSpeed, StepsThatWarmUpDoNotCount) {
  StepReport report;
  report.plan.tokens = 1000;
  report.plan.flops = 1e12;
  RunSpeed speed;
  speed.add(report, 0.5);
  EXPECT_EQ(speed.busy_seconds, std::nullopt) << "a CPU";
  report.busy_seconds = 0.25;
  speed.add(report, 0.5);
  report.warms_up = true;
  speed.add(report, 100.0);
  EXPECT_DOUBLE_EQ(speed.tokens, 2000.0);
  EXPECT_DOUBLE_EQ(*speed.flops_per_s(), 2e12);
  EXPECT_DOUBLE_EQ(*speed.gpu_utilisation(), 0.25);
}

TEST(RunSpeed, SharesAreOfThePeakAndOfTheTime) {
  RunSpeed speed{4096.0, 4e12, 2.0, 1.5};
  EXPECT_DOUBLE_EQ(*speed.flops_per_s(), 2e12);
  EXPECT_DOUBLE_EQ(*speed.mfu(8e12), 0.25);
  EXPECT_DOUBLE_EQ(*speed.gpu_utilisation(), 0.75);
  EXPECT_EQ(speed_text(speed, "a GPU", 8e12),
            "2048 tokens/s, 2 TFLOP/s needed, MFU 25.0 %, GPU busy 75.0 %");
  speed.busy_seconds = 2.1;  // two clocks
  EXPECT_DOUBLE_EQ(*speed.gpu_utilisation(), 1.0);
}

TEST(RunSpeed, AnUnknownPeakIsNamed) {
  const RunSpeed speed{4096.0, 4e12, 2.0, std::nullopt};
  EXPECT_EQ(speed.mfu(std::nullopt), std::nullopt);
  EXPECT_EQ(speed_text(speed, "Some GPU", std::nullopt),
            "2048 tokens/s, 2 TFLOP/s needed, MFU n/a: the peak of Some GPU is not known");
}

}  // namespace
}  // namespace hgnn_moe
