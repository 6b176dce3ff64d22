#include "limited_choice.h"

#include <numeric>

#include "free_numbers.h"

namespace hgnn_moe::kg {

const std::vector<std::int64_t>& LimitedChoice::choose(std::int64_t size,
                                                       const std::vector<std::int64_t>& left_out,
                                                       std::int64_t limit, std::uint64_t key,
                                                       std::uint64_t first_index) {
  const auto taken = static_cast<std::int64_t>(left_out.size());
  const std::int64_t free = size - taken;
  if (limit < 0 || free <= limit) {
    chosen_.resize(static_cast<std::size_t>(free));
    std::iota(chosen_.begin(), chosen_.end(), 0);
  } else {
    chosen_ = subsets_.draw(free, limit, key, first_index);
  }
  if (taken == 0) return chosen_;
  for (std::int64_t& number : chosen_) {
    number = nth_free(number, taken, [&](std::int64_t i) { return left_out[i]; });
  }
  return chosen_;
}

}  // namespace hgnn_moe::kg
