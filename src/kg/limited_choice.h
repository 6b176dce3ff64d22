// At most so many of what there is.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/base/random_choice.h"

namespace hgnn_moe::kg {

// Keeps its memory from one choice to the next.
class LimitedChoice {
 public:
  // Of the numbers [0, size) without `left_out` (ascending): `limit` of them, each such set equally
  // likely, or all where there are no more or `limit` is negative. Ascending; valid until the next
  // call. Uses the draws of SubsetDraw::draw.
  const std::vector<std::int64_t>& choose(std::int64_t size,
                                          const std::vector<std::int64_t>& left_out,
                                          std::int64_t limit, std::uint64_t key,
                                          std::uint64_t first_index);

 private:
  SubsetDraw subsets_;
  std::vector<std::int64_t> chosen_;
};

}  // namespace hgnn_moe::kg
