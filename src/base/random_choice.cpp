#include "hgnn_moe/base/random_choice.h"

#include <algorithm>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"

namespace hgnn_moe {

std::uint64_t draw_bits(std::uint64_t key, std::uint64_t index) {
  const PhiloxBlock block = philox(
      key, {{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), 0, 0}});
  return static_cast<std::uint64_t>(block.v[1]) << 32 | block.v[0];
}

double draw_uniform(std::uint64_t key, std::uint64_t index) {
  return static_cast<double>(draw_bits(key, index) >> 11) * 0x1p-53;
}

std::int64_t draw_below(std::int64_t bound, std::uint64_t key, std::uint64_t index) {
  return static_cast<std::int64_t>(draw_bits(key, index) % static_cast<std::uint64_t>(bound));
}

// Whether `number` was free.
bool SubsetDraw::take(std::int64_t number) {
  const std::size_t mask = slots_.size() - 1;
  // Neighbouring numbers are spread by a multiple of the golden ratio (Knuth, volume 3, 6.4).
  std::size_t slot = static_cast<std::uint64_t>(number) * 0x9E3779B97F4A7C15u >> 32 & mask;
  while (slots_[slot] != -1) {
    if (slots_[slot] == number) return false;
    slot = (slot + 1) & mask;
  }
  slots_[slot] = number;
  return true;
}

const std::vector<std::int64_t>& SubsetDraw::draw(std::int64_t size, std::int64_t count,
                                                  std::uint64_t key, std::uint64_t first_index) {
  HGNN_MOE_ASSERT(count >= 0 && count <= size, "{} of {}", count, size);
  std::size_t slots = 4;
  while (slots < 2 * static_cast<std::size_t>(count)) slots *= 2;
  slots_.assign(slots, -1);
  subset_.clear();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t last = size - count + i;
    const std::int64_t drawn =
        draw_below(last + 1, key, first_index + static_cast<std::uint64_t>(i));
    const bool is_new = take(drawn);
    if (!is_new) take(last);  // which no earlier draw could reach
    subset_.push_back(is_new ? drawn : last);
  }
  std::sort(subset_.begin(), subset_.end());
  return subset_;
}

}  // namespace hgnn_moe
