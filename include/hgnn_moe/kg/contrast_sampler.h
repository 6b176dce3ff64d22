// Which nodes of one type should lie close to each other: the positives of a contrastive loss.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/contrast_pairs.h"

namespace hgnn_moe::kg {

// The anchors of a step, each with one of its partners. All anchors share one set of candidates,
// which holds the anchors and the partners drawn.
struct ContrastSet {
  std::vector<std::int32_t> candidates;  // node numbers, ascending
  std::vector<std::int32_t> anchors;     // positions in `candidates`
  std::vector<std::int32_t> partners;    // of each anchor: positions in `candidates`
  // [anchors, candidates], 1 where a candidate is the anchor itself or one of all its partners, the
  // drawn one too: none of them is a negative.
  std::vector<std::uint8_t> related;
};

// Draws depend on (seed, step) alone. Drawing is safe from several threads.
class ContrastSampler {
 public:
  // At most `count` anchors a step, each with one of its `nearest` most similar partners.
  ContrastSampler(ContrastPairs pairs, std::int64_t nearest, std::int64_t count,
                  std::uint64_t seed);

  // Anchors are drawn uniformly without replacement from the nodes that have partners, and each of
  // an anchor's nearest partners is as likely. Empty where no node has one.
  ContrastSet draw(std::int64_t step) const;

 private:
  ContrastPairs pairs_;
  std::int64_t nearest_;
  std::int64_t count_;
  std::uint64_t seed_;
};

}  // namespace hgnn_moe::kg
