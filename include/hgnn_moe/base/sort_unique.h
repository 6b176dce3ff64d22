// Lists as ascending sets.
#pragma once

#include <algorithm>
#include <vector>

namespace hgnn_moe {

// Ascending, each value once.
template <class T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace hgnn_moe
