// choose_samples and epoch_order of dataset.h.
#include <algorithm>
#include <numeric>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/base/random_choice.h"
#include "hgnn_moe/data/dataset.h"

namespace hgnn_moe::data {

std::int64_t chosen_count(std::int64_t size, std::int64_t count) {
  HGNN_MOE_ASSERT(size >= 0 && count >= -1, "size {}, count {}", size, count);
  return count == -1 ? size : std::min(count, size);
}

std::vector<std::int64_t> choose_samples(std::int64_t size, std::int64_t count, bool shuffle,
                                         std::uint64_t seed, Split split) {
  count = chosen_count(size, count);
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
