// Negatives to measure with: pairs whose degrees tell nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/triple_index.h"

namespace hgnn_moe::kg {

struct MatchedNegatives {
  // Of each positive one pair that is not known, all different; its head is the positive's.
  std::vector<Edge> pairs;    // tail kNoNode where there is none
  std::int64_t switched = 0;  // tails exchanged between positives
  std::int64_t replaced = 0;  // tail replaced by a node of nearest degree instead
  std::int64_t without = 0;   // positives that have none
};

// Positives of one relation exchange their tails, among those whose tails have the nearest degrees
// in `train`, as a degree-preserving switch does (XSwap: Hanhijärvi et al., "Randomization
// techniques for graphs", SDM 2009; used for link prediction by Himmelstein et al., eLife 2017):
// every node is then as often an end of a negative as of a positive, so no score of nodes alone can
// tell the two apart. A positive that finds none to exchange with gets another tail of nearest
// degree. No node is joined with itself. `known` should hold the facts of all parts, the positives
// among them. Depends on the seed and the arguments alone.
MatchedNegatives degree_matched_negatives(const Graph& train, std::int32_t relation,
                                          const std::vector<Edge>& positives,
                                          const TripleIndex& known, std::uint64_t seed);

}  // namespace hgnn_moe::kg
