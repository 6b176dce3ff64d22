// Negatives to train with: triples that are not known to be true.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/triple_index.h"

namespace hgnn_moe::kg {

// Typed and filtered: replaces one end of a target by a node of the same type that the index does
// not know to stand there, each such node with the same chance. Nothing is tried twice: the draw is
// a number among those that are left, so it ends even where few or none are. The index should be
// that of the training graph: one that also knew held-out facts would tell which they are.
//
// A draw depends on (seed, step, side, the target's index, j) alone. Drawing is safe from several
// threads.
class NegativeSampler {
 public:
  // Keeps a reference to the index.
  NegativeSampler(const Graph& graph, const TripleIndex& known, std::uint64_t seed);

  // [targets, count] row by row: the nodes in place of the targets' ends on that side, independent
  // of each other, so one may come twice. kNoNode in the whole row of a target whose end may be any
  // node of its type. The targets are in the index, so their own ends never come. 0 <= count <
  // 65,536.
  std::vector<std::int32_t> draw(const std::vector<Target>& targets, Side side, std::int64_t count,
                                 std::int64_t step) const;

 private:
  const NodeType& candidates(const Triple& triple, Side side) const;

  std::vector<NodeType> head_types_;  // of each relation
  std::vector<NodeType> tail_types_;
  const TripleIndex* known_;
  std::uint64_t seed_;
};

}  // namespace hgnn_moe::kg
