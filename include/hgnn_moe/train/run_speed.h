// How fast a run has trained, beside what its device could do.
#pragma once

#include <optional>
#include <string>

#include "hgnn_moe/train/step_runner.h"

namespace hgnn_moe {

// Of the steps of this process but those that warm up; what a resumed run did before is not in it.
struct RunSpeed {
  double tokens = 0.0;   // real inputs
  double flops = 0.0;    // see needed_flops
  double seconds = 0.0;  // of a wall clock
  // Seconds that a GPU worked on the steps; none on a CPU.
  std::optional<double> busy_seconds;

  // A step that took so long by the wall clock.
  void add(const StepReport& report, double step_seconds);

  // None before the first step.
  std::optional<double> flops_per_s() const;
  // Shares in [0, 1]: of the peak in FLOP/s, where that is known, and of the time.
  std::optional<double> mfu(const std::optional<double>& peak_flops) const;
  std::optional<double> gpu_utilisation() const;
};

// As "1234 tokens/s, 0.31 TFLOP/s needed, MFU 41.2 %, GPU busy 97.0 %"; "" before the first step.
std::string speed_text(const RunSpeed& speed, const std::string& device_name,
                       const std::optional<double>& peak_flops);

}  // namespace hgnn_moe
