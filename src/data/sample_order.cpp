// choose_samples and epoch_order of dataset.h.
#include <algorithm>
#include <numeric>
#include <utility>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/data/dataset.h"

namespace hgnn_moe::data {
namespace {

// A draw from [0, bound) that depends on (key, index) alone. The remainder of 64 random bits is
// uneven by at most bound / 2^64.
std::int64_t draw_below(std::int64_t bound, std::uint64_t key, std::int64_t index) {
  const PhiloxBlock block = philox(
      key, {{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), 0, 0}});
  const std::uint64_t bits = static_cast<std::uint64_t>(block.v[1]) << 32 | block.v[0];
  return static_cast<std::int64_t>(bits % static_cast<std::uint64_t>(bound));
}

// Fisher-Yates from the front: after `count` steps the first `count` elements are those of the
// whole shuffle.
void shuffle_front(std::vector<std::int64_t>& values, std::int64_t count, std::uint64_t key) {
  const std::int64_t size = static_cast<std::int64_t>(values.size());
  for (std::int64_t i = 0; i < count; ++i) {
    std::swap(values[i], values[i + draw_below(size - i, key, i)]);
  }
}

}  // namespace

std::vector<std::int64_t> choose_samples(std::int64_t size, std::int64_t count, bool shuffle,
                                         std::uint64_t seed, Split split) {
  HGNN_MOE_ASSERT(size >= 0 && count >= -1, "size {}, count {}", size, count);
  if (count == -1) count = size;
  count = std::min(count, size);
  std::vector<std::int64_t> samples(size);
  std::iota(samples.begin(), samples.end(), 0);
  if (shuffle && count < size) {
    const auto stream = static_cast<std::uint64_t>(split);
    shuffle_front(samples, count, philox_stream_key(seed, RandomPurpose::data_subset, stream));
  }
  samples.resize(count);
  std::sort(samples.begin(), samples.end());
  return samples;
}

std::vector<std::int64_t> epoch_order(const std::vector<std::int64_t>& samples, bool shuffle,
                                      std::uint64_t seed, std::int64_t epoch) {
  std::vector<std::int64_t> order = samples;
  if (shuffle) {
    const auto stream = static_cast<std::uint64_t>(epoch);
    shuffle_front(order, static_cast<std::int64_t>(order.size()),
                  philox_stream_key(seed, RandomPurpose::data_order, stream));
  }
  return order;
}

}  // namespace hgnn_moe::data
