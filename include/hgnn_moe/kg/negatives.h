// Negatives to train with: triples that are not known to be true.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/triple_index.h"

namespace hgnn_moe::kg {

// Typed: a step has one set of nodes of each type, which take the place of the heads and tails of
// that type in all its targets (Lerer et al., "PyTorch-BigGraph", SysML 2019, "batched negative
// sampling"). So their features are computed once, and the scores of all pairs are one product.
//
// A set depends on (seed, step, type) alone, so micro-batches have the negatives of their batch.
// Drawing is safe from several threads.
class NegativeSampler {
 public:
  // At most `count` nodes a type, at least 1.
  NegativeSampler(std::vector<NodeType> node_types, std::int64_t count, std::uint64_t seed);

  // Uniformly without replacement, or all nodes of the type where there are no more; ascending.
  std::vector<std::int32_t> draw(std::int32_t node_type, std::int64_t step) const;

 private:
  std::vector<NodeType> node_types_;
  std::int64_t count_;
  std::uint64_t seed_;
};

// What is known of a candidate in the place of an end of a target.
enum Known : std::uint8_t { unknown = 0, also_true = 1, own_end = 2 };

// [targets, candidates] row by row: own_end where the candidate is the target's own end, else
// also_true where the index knows it to be true there. `candidates` ascend. The index should be
// that of the training graph: one that also knew held-out facts would tell which they are.
std::vector<std::uint8_t> known_candidates(const TripleIndex& known,
                                           const std::vector<Target>& targets, Side side,
                                           const std::vector<std::int32_t>& candidates);

}  // namespace hgnn_moe::kg
