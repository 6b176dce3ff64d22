// Pairs of nodes that may become negatives of a relation.
#pragma once

#include <cstdint>
#include <unordered_set>

#include "pair_code.h"

#include "hgnn_moe/kg/triple_index.h"

namespace hgnn_moe::kg {

// Those that are not known, do not join a node with itself and were not taken before. In a
// symmetric relation both directions are one pair.
class FreePairs {
 public:
  // `known` outlives the object.
  FreePairs(const Graph& graph, std::int32_t relation, const TripleIndex& known)
      : relation_(relation),
        is_symmetric_(graph.relations[relation].reverse == relation),
        known_(known) {}

  bool is_free(Edge pair) const {
    return pair.head != pair.tail && taken_.count(code_of(pair)) == 0 &&
           !known_.contains({pair.head, relation_, pair.tail});
  }
  bool are_same(Edge a, Edge b) const { return code_of(a) == code_of(b); }
  void take(Edge pair) { taken_.insert(code_of(pair)); }
  void give_back(Edge pair) { taken_.erase(code_of(pair)); }

 private:
  std::uint64_t code_of(Edge pair) const {
    return pair_code(is_symmetric_ ? ascending(pair) : pair);
  }

  std::int32_t relation_;
  bool is_symmetric_;
  const TripleIndex& known_;
  std::unordered_set<std::uint64_t> taken_;
};

}  // namespace hgnn_moe::kg
