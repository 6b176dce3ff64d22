// Negatives drawn evenly from all pairs that are not known.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/triple_index.h"

namespace hgnn_moe::kg {

// Of each positive one pair that is not known, all different: its head with a tail drawn evenly
// from those of the relation's type that are left; tail kNoNode where none is. No node is joined
// with itself. A score by degrees alone tells such pairs from facts; degree_matched.h has pairs of
// which it does not. Depends on the seed and the arguments alone.
std::vector<Edge> uniform_negatives(const Graph& graph, std::int32_t relation,
                                    const std::vector<Edge>& positives, const TripleIndex& known,
                                    std::uint64_t seed);

}  // namespace hgnn_moe::kg
