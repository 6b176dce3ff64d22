#include "hgnn_moe/sweep/match_time.h"

#include <cmath>

#include <fmt/format.h>

#include "median.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"

namespace hgnn_moe {

std::vector<std::string> calibration_arguments(const std::filesystem::path& run_folder) {
  return {"--checkpoint_dir",
          run_folder.string(),
          "--run_name",
          kCalibrationRun,
          "--overwrite",
          "--max_steps",
          std::to_string(kCalibrationSteps),
          "--epochs",
          std::to_string(kCalibrationSteps),
          "--eval_every",
          "0",
          "--save_every",
          "0",
          "--num_eval_samples",
          "8",
          "--profile",
          "0"};
}

TimeMatch match_time(const std::vector<double>& reference_milliseconds,
                     const std::vector<double>& own_milliseconds) {
  if (reference_milliseconds.empty() ||
      own_milliseconds.size() <= static_cast<std::size_t>(kWarmUpSteps)) {
    fail(ExitCode::usage,
         "match_time: the reference made {} steps and the run {} to measure its speed; give both "
         "more of them",
         reference_milliseconds.size(), own_milliseconds.size());
  }
  const double step = median({own_milliseconds.begin() + kWarmUpSteps, own_milliseconds.end()});
  const double total =
      median(reference_milliseconds) * static_cast<double>(reference_milliseconds.size());
  const auto steps = static_cast<std::int64_t>(std::floor(total / step));
  if (steps < 1) {
    fail(ExitCode::usage,
         "match_time: the reference trained for {:.1f} ms, less than one step of {:.1f} ms; give "
         "it more steps",
         total, step);
  }
  return {steps, fmt::format("match_time: {} steps of {:.1f} ms in the {} that the reference "
                             "trained for",
                             steps, step, format_duration(1e-3 * total))};
}

}  // namespace hgnn_moe
