// Sets of test cases in which every two values of two factors meet at least once.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace hgnn_moe::testing {

// The level chosen of each factor; kNoLevel where none is chosen yet.
using Levels = std::vector<std::size_t>;
inline constexpr std::size_t kNoLevel = static_cast<std::size_t>(-1);

// levels[f] is how many values factor f has. `allowed` judges choices, partial ones too, and must
// say yes to a partial one that can be completed. Greedy, hence the same list on every call. A pair
// that is not allowed is left out; one whose completion the greedy choice does not find is too.
std::vector<Levels> pairwise_cases(const std::vector<std::size_t>& levels,
                                   const std::function<bool(const Levels&)>& allowed);

}  // namespace hgnn_moe::testing
