#include "hgnn_moe/train/run_speed.h"

#include <algorithm>

#include <fmt/format.h>

namespace hgnn_moe {

void RunSpeed::add(const StepReport& report, double step_seconds) {
  if (report.warms_up) return;
  tokens += static_cast<double>(report.plan.tokens);
  flops += report.plan.flops;
  seconds += step_seconds;
  if (report.busy_seconds.has_value()) {
    busy_seconds = busy_seconds.value_or(0.0) + *report.busy_seconds;
  }
}

std::optional<double> RunSpeed::flops_per_s() const {
  if (seconds <= 0.0) return std::nullopt;
  return flops / seconds;
}

std::optional<double> RunSpeed::mfu(const std::optional<double>& peak_flops) const {
  const std::optional<double> rate = flops_per_s();
  if (!rate.has_value() || !peak_flops.has_value()) return std::nullopt;
  return *rate / *peak_flops;
}

std::optional<double> RunSpeed::gpu_utilisation() const {
  if (seconds <= 0.0 || !busy_seconds.has_value()) return std::nullopt;
  // Two clocks: the device's and the host's.
  return std::min(1.0, *busy_seconds / seconds);
}

std::string speed_text(const RunSpeed& speed, const std::string& device_name,
                       const std::optional<double>& peak_flops) {
  const std::optional<double> rate = speed.flops_per_s();
  if (!rate.has_value()) return "";
  std::string text = fmt::format("{:.0f} tokens/s, {:.3g} TFLOP/s needed",
                                 speed.tokens / speed.seconds, *rate / 1e12);
  if (const auto mfu = speed.mfu(peak_flops)) {
    text += fmt::format(", MFU {:.1f} %", 100 * *mfu);
  } else {
    text += fmt::format(", MFU n/a: the peak of {} is not known", device_name);
  }
  if (const auto busy = speed.gpu_utilisation())
    text += fmt::format(", GPU busy {:.1f} %", 100 * *busy);
  return text;
}

}  // namespace hgnn_moe
