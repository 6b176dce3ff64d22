// Pairs of nodes as one number, to draw by and to look up.
#pragma once

#include <algorithm>
#include <cstdint>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

inline std::uint64_t pair_code(Edge pair) {
  return static_cast<std::uint64_t>(pair.head) << 32 | static_cast<std::uint32_t>(pair.tail);
}

// The same for both directions.
inline Edge ascending(Edge pair) {
  return {std::min(pair.head, pair.tail), std::max(pair.head, pair.tail)};
}

}  // namespace hgnn_moe::kg
