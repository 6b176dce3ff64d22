// The random words of dropout, see counter_dropout.
#pragma once

#include "block.h"

#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::ops::cuda {

// Counter words 1 to 3 of a row.
struct RowCounters {
  std::int64_t position, sample, head;
};

// Which of the row's columns d to d + Lanes are kept. Four neighbours share a block of words, and a
// pack lies within one.
template <int Lanes>
HGNN_MOE_HOST_DEVICE void draw_kept(std::uint64_t key, RowCounters row, std::int64_t d,
                                    std::uint32_t threshold, bool (&kept)[Lanes]) {
  static_assert(Lanes == 1 || Lanes == 4, "a pack lies within a block of words");
  const PhiloxBlock words = philox(
      key,
      PhiloxBlock{{static_cast<std::uint32_t>(d / 4), static_cast<std::uint32_t>(row.position),
                   static_cast<std::uint32_t>(row.sample), static_cast<std::uint32_t>(row.head)}});
  HGNN_MOE_UNROLL
  for (int l = 0; l < Lanes; ++l) kept[l] = words.v[(d + l) % 4] >= threshold;
}

}  // namespace hgnn_moe::ops::cuda
