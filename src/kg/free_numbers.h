// Counting past numbers that are taken.
#pragma once

#include <cstdint>

namespace hgnn_moe::kg {

// The n-th (from 0) of the numbers 0, 1, 2 ... that are not among taken(0) < taken(1) < ... <
// taken(count - 1). Below taken(i) there are taken(i) - i free ones, which grows with i.
template <typename Taken>
std::int64_t nth_free(std::int64_t n, std::int64_t count, const Taken& taken) {
  std::int64_t low = 0;
  while (low < count) {
    const std::int64_t middle = low + (count - low) / 2;
    if (taken(middle) - middle <= n) {
      low = middle + 1;
    } else {
      count = middle;
    }
  }
  return n + low;
}

}  // namespace hgnn_moe::kg
