#include "median.h"

#include <algorithm>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

double median(std::vector<double> values) {
  HGNN_MOE_ASSERT(!values.empty(), "no value has no median");
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace hgnn_moe
