#include "hgnn_moe/data/batch.h"

#include <algorithm>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/data/dataset.h"

namespace hgnn_moe::data {

Batch make_batch(const SampleSet& set, const std::vector<std::int64_t>& order, std::int64_t first,
                 std::int64_t size) {
  const std::int64_t available = static_cast<std::int64_t>(order.size());
  HGNN_MOE_ASSERT(first >= 0 && size > 0 && first <= available - size,
                  "batch of samples {} + {} of {}", first, size, available);
  Batch batch;
  batch.size = size;
  batch.first_position = first;
  batch.sample_indices.assign(order.begin() + first, order.begin() + first + size);
  for (const std::int64_t sample : batch.sample_indices) {
    batch.lengths.push_back(set.length(sample));
    batch.length = std::max(batch.length, batch.lengths.back());
    batch.real_tokens += batch.lengths.back();
  }
  batch.tokens.assign(size * batch.length, 0);
  batch.targets.assign(size * batch.length, kNoTarget);
  for (std::int64_t row = 0; row < size; ++row) {
    const std::int64_t offset = row * batch.length;
    set.read(batch.sample_indices[row], &batch.tokens[offset], &batch.targets[offset]);
  }
  batch.real_targets =
      size * batch.length - std::count(batch.targets.begin(), batch.targets.end(), kNoTarget);
  return batch;
}

}  // namespace hgnn_moe::data
