// Everything that a micro-batch of link prediction takes from the graph.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hgnn_moe/kg/block.h"
#include "hgnn_moe/kg/contrast_sampler.h"
#include "hgnn_moe/kg/edge_order.h"
#include "hgnn_moe/kg/edge_sampler.h"
#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/negatives.h"
#include "hgnn_moe/kg/neighbor_sampler.h"

namespace hgnn_moe::kg {

// Targets that are asked for the same end among nodes of the same type.
struct CandidateGroup {
  Side side = Side::tail;
  std::int32_t node_type = 0;
  std::vector<std::int32_t> targets;     // positions in LinkBatch::targets, ascending
  std::vector<std::int32_t> candidates;  // rows of the last block
  std::vector<std::uint8_t> known;       // [targets, candidates]: values of Known
};

struct LinkBatch {
  std::int64_t step = 0;  // of the run
  std::vector<Target> targets;
  std::vector<std::int32_t> heads;  // of each target: rows of the last block
  std::vector<std::int32_t> tails;
  std::vector<CandidateGroup> groups;  // those with targets: heads first, then by type
  // Rows of the last block in place of node numbers; the micro-batch's share of the anchors.
  std::optional<ContrastSet> contrast;
  std::vector<Block> blocks;  // one a layer; none without message passing
  // Destinations of the last block, or all nodes that the rows above are of: ascending.
  std::vector<std::int32_t> nodes;
  // Of the whole step, by which losses are divided.
  std::int64_t step_targets = 0;
  std::int64_t step_anchors = 0;
};

// What micro-batches are made of. References outlive the maker.
struct LinkSources {
  const Graph& graph;        // that of training, with reverses
  const TripleIndex& known;  // of the same graph
  const NegativeSampler& negatives;
  // One of the two, or none without message passing.
  const NeighborSampler* neighbors = nullptr;
  const EdgeSampler* edges = nullptr;
  const ContrastSampler* contrast = nullptr;  // none where nothing is contrasted
  std::int64_t layers = 0;                    // of the model
};

// The micro-batches of a step. With neighbours, that step's loss and gradients do not depend on how
// many they are: all have the same negatives, candidates of the contrast and neighbours, and leave
// out the same edges. With sampled edges each has a subgraph of its own.
class LinkBatchMaker {
 public:
  explicit LinkBatchMaker(LinkSources sources) : sources_(sources) {}

  // The part of `epoch` at `positions`, which lie in those of the whole `batch`; `part` counts the
  // micro-batches of the step. Safe from several threads.
  LinkBatch make(const EpochTargets& epoch, PositionRange batch, PositionRange positions,
                 std::int64_t part, std::int64_t step) const;

 private:
  std::vector<CandidateGroup> groups(const std::vector<Target>& targets, std::int64_t step) const;
  std::vector<Block> blocks(const std::vector<std::int32_t>& nodes, std::int64_t part,
                            std::int64_t step, const ExcludedEdges& excluded) const;

  LinkSources sources_;
};

}  // namespace hgnn_moe::kg
