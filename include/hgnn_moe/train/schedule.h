// The learning rate of every step as a closed form: a pure function of the step, so that resume
// needs no state and a run with more epochs is recomputed exactly.
#pragma once

#include <cstdint>

#include "hgnn_moe/config/train_config.h"

namespace hgnn_moe {

// Where every decay ends; a learning rate below it is never raised to it.
inline constexpr double kFinalLearningRate = 1e-6;

struct ScheduleConfig {
  LrSchedule kind = LrSchedule::cosine;
  double learning_rate = 5e-4;
  std::int64_t warmup_steps = 0;  // W
  std::int64_t total_steps = 1;   // S
};

// The rate of update s = `step`, counted from 0. With r = learning_rate and
// f = min(r, kFinalLearningRate):
//
//   s < W       r (s + 1) / W
//   cosine      f + (r - f) (1 + cos(pi p)) / 2, p = (s - W) / (S - W): the closed form of
//               torch.optim.lr_scheduler.CosineAnnealingLR over the steps after the warm-up
//   linear      r + (f - r) p
//   constant    r
//   wsd         r until the last fifth of the run, then r + (f - r) q with
//               q = (s - Z) / (S - Z), Z = max(W, S - S div 5)
//               (warm-up, stable, decay: Hu et al., MiniCPM, arXiv 2404.06395)
//
// p and q are held at 1 from step S on.
double learning_rate_at(std::int64_t step, const ScheduleConfig& config);

}  // namespace hgnn_moe
