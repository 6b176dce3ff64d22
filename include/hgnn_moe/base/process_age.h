// How long this process has been running.
#pragma once

#include <optional>

namespace hgnn_moe {

// Seconds since the kernel made the process, so loading of the program and its libraries counts;
// to a hundredth, which is what the kernel notes. Nothing where /proc does not tell.
std::optional<double> process_age_seconds();

}  // namespace hgnn_moe
