// Keys of the random numbers that negatives are drawn with.
#pragma once

#include <cstdint>

#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::kg {

enum class NegativeUse : std::uint32_t { shared, degree_matched, uniform };

// `site`: the step, or the relation that negatives are matched in.
inline std::uint64_t negative_key(std::uint64_t seed, std::int64_t site, NegativeUse use) {
  return philox_stream_key(seed, RandomPurpose::negative_sampling, static_cast<std::uint64_t>(site),
                           static_cast<std::uint32_t>(use));
}

}  // namespace hgnn_moe::kg
