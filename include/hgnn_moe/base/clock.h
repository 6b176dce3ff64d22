// Seconds of a steady clock, for differences.
#pragma once

#include <chrono>

namespace hgnn_moe {

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace hgnn_moe
