#include "held_pairs.h"

#include <algorithm>
#include <functional>

#include "pair_code.h"

namespace hgnn_moe::kg {
namespace {

constexpr int kPartBits = 2;

// 31 bits for each node, which are not negative, and 2 for the part.
std::uint64_t code_of(Edge pair, Part part) {
  const Edge nodes = ascending(pair);
  return static_cast<std::uint64_t>(nodes.head) << 33 |
         static_cast<std::uint64_t>(nodes.tail) << kPartBits | static_cast<std::uint64_t>(part);
}

bool same_pair(std::uint64_t a, std::uint64_t b) { return a >> kPartBits == b >> kPartBits; }

}  // namespace

void HeldPairs::hold(Edge pair, Part part) { codes_.push_back(code_of(pair, part)); }

void HeldPairs::seal() {
  std::sort(codes_.begin(), codes_.end(), std::greater<>());
  codes_.erase(std::unique(codes_.begin(), codes_.end(), same_pair), codes_.end());
  codes_.shrink_to_fit();
}

Part HeldPairs::part_of(Edge pair) const {
  const std::uint64_t highest = code_of(pair, Part::test);
  const auto found = std::lower_bound(codes_.begin(), codes_.end(), highest, std::greater<>());
  if (found == codes_.end() || !same_pair(*found, highest)) return Part::train;
  return static_cast<Part>(*found & ((1u << kPartBits) - 1));
}

void HeldPairs::release(Edge pair) {
  const std::uint64_t code = code_of(pair, Part::train);
  codes_.erase(std::remove_if(codes_.begin(), codes_.end(),
                              [&](std::uint64_t other) { return same_pair(other, code); }),
               codes_.end());
}

}  // namespace hgnn_moe::kg
