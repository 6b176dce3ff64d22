// Choices that are functions of a key alone: draws, shuffles and subsets.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace hgnn_moe {

// 64 random bits that depend on (key, index) alone; so do the draws below.
std::uint64_t draw_bits(std::uint64_t key, std::uint64_t index);

// From [0, 1), in steps of 2^-53.
double draw_uniform(std::uint64_t key, std::uint64_t index);

// From [0, bound). The remainder of 64 random bits is uneven by at most bound / 2^64.
std::int64_t draw_below(std::int64_t bound, std::uint64_t key, std::uint64_t index);

// Fisher-Yates from the front: after `count` steps the first `count` elements are those of the
// whole shuffle.
template <typename T>
void shuffle_front(std::vector<T>& values, std::int64_t count, std::uint64_t key) {
  const auto size = static_cast<std::int64_t>(values.size());
  for (std::int64_t i = 0; i < count; ++i) {
    std::swap(values[i], values[i + draw_below(size - i, key, static_cast<std::uint64_t>(i))]);
  }
}

// Draws subsets and keeps its memory from one to the next.
class SubsetDraw {
 public:
  // `count` different numbers of [0, size), ascending; each such set is equally likely. Uses the
  // draws first_index to first_index + count - 1 of `key`. Valid until the next call.
  // Floyd's algorithm: Bentley and Floyd, "A sample of brilliance", CACM 30(9), 1987.
  const std::vector<std::int64_t>& draw(std::int64_t size, std::int64_t count, std::uint64_t key,
                                        std::uint64_t first_index = 0);

 private:
  bool take(std::int64_t number);

  std::vector<std::int64_t> subset_;
  std::vector<std::int64_t> slots_;  // of a hash table: numbers taken, or -1
};

}  // namespace hgnn_moe
