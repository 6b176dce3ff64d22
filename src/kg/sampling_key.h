// Keys of the random numbers that samplers of messages draw.
#pragma once

#include <cstdint>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::kg {

// The place of a sampler that has no hops.
inline constexpr std::size_t kWholeSubgraph = 0xFFFF;

inline std::uint64_t sampling_key(std::uint64_t seed, std::int64_t step, std::size_t hop,
                                  std::int32_t relation) {
  HGNN_MOE_ASSERT(hop <= kWholeSubgraph && relation <= 0xFFFF, "hop {}, relation {}", hop,
                  relation);
  return philox_stream_key(
      seed, RandomPurpose::neighbor_sampling, static_cast<std::uint64_t>(step),
      static_cast<std::uint32_t>(hop) << 16 | static_cast<std::uint32_t>(relation));
}

}  // namespace hgnn_moe::kg
