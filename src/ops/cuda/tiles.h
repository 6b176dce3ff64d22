// Which of a body's instances serves so many experts of so many columns, and with how many threads.
// Plain C++: the tests on the CPU run the instances that a GPU would.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "rows.h"

namespace hgnn_moe::ops::cuda {

// A block never has more threads, so that the packs of 32 experts fit into its registers.
inline constexpr int kMaxThreads = 256;

// One thread a pack of columns, in whole warps.
inline int threads_for(std::int64_t dim, int lanes) {
  const std::int64_t packs = (dim + lanes - 1) / lanes;
  return static_cast<int>(std::clamp<std::int64_t>((packs + 31) / 32 * 32, 64, kMaxThreads));
}

inline bool is_aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

// Calls launch_tile(tile, lanes) with the constants that serve so many experts of D columns:
// packs of 16 bytes where all pointers and D allow them, else single elements. float64 is for
// tests and references and has the general tile alone.
template <typename Scalar, typename Launch>
void with_tile(std::int64_t experts, std::int64_t dim, bool aligned, Launch launch_tile) {
  using std::integral_constant;
  constexpr int kLanes = 16 / static_cast<int>(sizeof(Scalar));
  if (!aligned || dim % kLanes != 0) {
    launch_tile(integral_constant<int, 0>{}, integral_constant<int, 1>{});
    return;
  }
  if constexpr (sizeof(Scalar) < 8) {
    const integral_constant<int, kLanes> lanes;
    if (experts <= 4) return launch_tile(integral_constant<int, 4>{}, lanes);
    if (experts <= 8) return launch_tile(integral_constant<int, 8>{}, lanes);
    if (experts <= 16) return launch_tile(integral_constant<int, 16>{}, lanes);
    // 32 packs of eight bfloat16 would not fit: the compiler keeps them converted to float.
    if (experts <= kMaxTile) {
      return launch_tile(integral_constant<int, kMaxTile>{}, integral_constant<int, 4>{});
    }
  }
  launch_tile(integral_constant<int, 0>{}, integral_constant<int, kLanes>{});
}

}  // namespace hgnn_moe::ops::cuda
