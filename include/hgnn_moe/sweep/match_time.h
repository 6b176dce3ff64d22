// As many steps as fit into another run's training time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "hgnn_moe/sweep/sweep_records.h"

namespace hgnn_moe {

// Steps of the short run that measures a row's own speed, and those at its beginning that warm up
// and do not count. So many, because a disturbance of two seconds must not decide the length of the
// row.
inline constexpr std::int64_t kCalibrationSteps = 54;
inline constexpr std::int64_t kWarmUpSteps = 4;

// Its folder in that of the row.
inline constexpr const char* kCalibrationRun = "calibration";

// Flags beside a row's options for that run.
std::vector<std::string> calibration_arguments(const std::filesystem::path& run_folder);

// From the step times of the two runs: the reference's training time is its number of steps times
// the median of their times, so that one pause of the machine does not count, and the row gets as
// many of its own median steps as fit into it. Throws Error(usage) where not one fits.
TimeMatch match_time(const std::vector<double>& reference_milliseconds,
                     const std::vector<double>& own_milliseconds);

}  // namespace hgnn_moe
