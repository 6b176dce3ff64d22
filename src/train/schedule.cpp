#include "hgnn_moe/train/schedule.h"

#include <algorithm>
#include <cmath>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

constexpr double kPi = 3.14159265358979323846;

// How much of [begin, end) lies before `step`, from 0 to 1; 1 where the range is empty.
double progress(std::int64_t step, std::int64_t begin, std::int64_t end) {
  if (step >= end) {
    return 1.0;
  }
  return static_cast<double>(std::max(step - begin, std::int64_t{0})) /
         static_cast<double>(end - begin);
}

}  // namespace

double learning_rate_at(std::int64_t step, const ScheduleConfig& config) {
  HGNN_MOE_ASSERT(step >= 0, "step = {}", step);
  const double rate = config.learning_rate;
  const double floor = std::min(rate, kFinalLearningRate);
  const std::int64_t warmup = config.warmup_steps;
  const std::int64_t total = config.total_steps;
  if (step < warmup) {
    return rate * static_cast<double>(step + 1) / static_cast<double>(warmup);
  }
  switch (config.kind) {
    case LrSchedule::cosine:
      return floor + (rate - floor) * (1 + std::cos(kPi * progress(step, warmup, total))) / 2;
    case LrSchedule::linear:
      return rate + (floor - rate) * progress(step, warmup, total);
    case LrSchedule::constant:
      return rate;
    case LrSchedule::wsd:
      return rate + (floor - rate) * progress(step, std::max(warmup, total - total / 5), total);
  }
  HGNN_MOE_ASSERT(false, "unknown schedule {}", static_cast<int>(config.kind));
  return rate;
}

}  // namespace hgnn_moe
